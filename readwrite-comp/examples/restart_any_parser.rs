//! Makes a parser that knows nothing of restart work on a stream that blocks: entries of a zip
//! archive, as they arrive.
//!
//! `zip::read::read_zipfile_from_stream` is ordinary synchronous code over `Read`. Here it runs
//! inside a service that returns to its event loop whenever the network has nothing: no thread, no
//! coroutine, no change to the parser.
//!
//! Run it with `cargo run -p readwrite-comp --example restart_any_parser`.
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use readwrite_comp::testing::Choppy;
use readwrite_comp::{Replay, RetryPolicy};
use std::io::{self, Cursor, ErrorKind, Read, Write};
use zip::write::SimpleFileOptions;

/// Parses an entry: its name and its bytes, or none at the archive's directory.
fn parse_entry<R: Read>(r: &mut R) -> zip::result::ZipResult<Option<(String, Vec<u8>)>> {
    let Some(mut file) = zip::read::read_zipfile_from_stream(r)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((file.name()?.into_owned(), bytes)))
}

/// The service: the parser, and the state that makes it restartable.
struct Unzip<R> {
    source: R,
    replay: Replay,
}

impl<R: Read> Unzip<R> {
    /// The next entry. After `WouldBlock` call it again when the source is ready, or when the loop
    /// has nothing else to do if [`Replay::deferred`] says so.
    fn next(&mut self) -> io::Result<Option<(String, Vec<u8>)>> {
        let entry = self.replay.read(&mut self.source, |r| {
            parse_entry(r).map_err(io::Error::other)
        })?;
        Ok(entry.flatten())
    }
}

fn archive() -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, lines) in [("short.txt", 3), ("long.txt", 4000), ("last.txt", 50)] {
        zip.start_file(name, SimpleFileOptions::default())?;
        for line in 0..lines {
            writeln!(zip, "line {line} of {name}, {}", line * line % 9973)?;
        }
    }
    Ok(zip.finish()?.into_inner())
}

/// Runs the example.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let archive = archive()?;
    for (name, policy) in [
        ("budgeted (the default)", RetryPolicy::default()),
        ("always", RetryPolicy::Always),
    ] {
        let mut service = Unzip {
            // 100 bytes, then it blocks, and so on.
            source: Choppy::every(archive.as_slice(), 100),
            replay: Replay::with_policy(Default::default(), policy),
        };
        let mut yields = 0;
        let mut entries = Vec::new();
        loop {
            match service.next() {
                Ok(Some((name, bytes))) => entries.push(format!("{name} ({} bytes)", bytes.len())),
                Ok(None) => break,
                // Where a service returns to its event loop.
                Err(e) if e.kind() == ErrorKind::WouldBlock => yields += 1,
                Err(e) => return Err(e.into()),
            }
        }
        assert_eq!(entries.len(), 3, "every entry arrived");
        let stats = service.replay.stats();
        println!("{name}: {}", entries.join(", "));
        println!(
            "  {yields} yields, {} attempts, {} bytes received, {} of them read again",
            stats.attempts, stats.bytes_received, stats.bytes_replayed
        );
    }
    Ok(())
}
