//! Restarts a parser of the registry that knows nothing of restart: the entries of a zip archive
//! are read while they arrive, byte by byte.
//!
//! `zip::read::read_zipfile_from_stream` is ordinary synchronous code over `Read`. Here it runs in
//! a service that returns to its event loop whenever the network has nothing: without a thread or a
//! coroutine, and with no change to the parser.
//!
//! `cargo run -p readwrite-comp --example restart_a_zip_parser`
//!
//! Prints:
//!
//! ```text
//! short.txt, 46 bytes
//! long.txt, [..] bytes
//! last.txt, [..] bytes
//! [..] bytes received, [..] yields, [..] attempts, [..] bytes parsed more than once
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use readwrite_comp::Replay;
use readwrite_comp::testing::Choppy;
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

/// The service: a stream that blocks, and the state that makes its parser restartable.
struct Unzip<R> {
    source: R,
    replay: Replay,
}

impl<R: Read> Unzip<R> {
    /// Reads the next entry. After `WouldBlock` call it again when the source is ready, or when the
    /// loop has nothing else to do if [`Replay::deferred`] says so.
    fn next(&mut self) -> io::Result<Option<(String, Vec<u8>)>> {
        let entry = self.replay.read(&mut self.source, |r| {
            parse_entry(r).map_err(io::Error::other)
        })?;
        Ok(entry.flatten())
    }
}

fn archive() -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, lines) in [("short.txt", 2), ("long.txt", 2000), ("last.txt", 50)] {
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
    let mut service = Unzip {
        // A byte, then it blocks, and so on.
        source: Choppy::every(archive.as_slice(), 1),
        replay: Replay::default(),
    };
    let (mut yields, mut entries) = (0, 0);
    loop {
        match service.next() {
            Ok(Some((name, bytes))) => {
                println!("{name}, {} bytes", bytes.len());
                entries += 1;
            }
            Ok(None) => break,
            // Where a service returns to its event loop.
            Err(e) if e.kind() == ErrorKind::WouldBlock => yields += 1,
            Err(e) => return Err(e.into()),
        }
    }
    assert_eq!(entries, 3);
    let stats = service.replay.stats();
    println!(
        "{} bytes received, {yields} yields, {} attempts, {} bytes parsed more than once",
        stats.bytes_received, stats.attempts, stats.bytes_replayed
    );
    Ok(())
}
