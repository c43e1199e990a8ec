//! An attachment from node to node over loopback TCP, beside `std::io::copy` over TCP with the same
//! hashing.
//!
//! `cargo xtask bench transfer`. Both ends hash what passes, as the nodes do, and both receivers
//! write to a file and sync it. Nodes encrypt: so both are there with the records of
//! `mydht::shadow` around the stream, and without. Rounds of all four alternate; a ratio is the
//! median of the rounds' ratios.
//!
//! `--large GIB` sends one attachment of so many GiB and then says how much memory the process,
//! both nodes, took at most. Its content is a hole in a file, which is a disk's room for one copy.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::native::Config;
use mydht::shadow::{Cipher, RecordR, RecordW, Secret};
use readwrite_comp::{CompR, CompW};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// `io::copy` reads into a `BufWriter`'s buffer: with less, hashing would be slower than it has to
/// be.
const BUFFER: usize = 64 << 10;

/// Hashes what passes.
struct Hashed<T>(T, blake3::Hasher);

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buf)?;
        self.1.update(&buf[..count]);
        Ok(count)
    }
}

/// Sends what is in a file, hashed.
fn send(from: &Path, sink: impl Write) -> io::Result<()> {
    let mut source = Hashed(File::open(from)?, blake3::Hasher::new());
    let mut sink = BufWriter::with_capacity(BUFFER, sink);
    io::copy(&mut source, &mut sink)?;
    black_box(source.1.finalize());
    sink.flush()
}

/// Keeps what comes in a file, hashed and synced.
fn receive(source: impl Read, to: &Path) -> io::Result<()> {
    let mut source = Hashed(source, blake3::Hasher::new());
    let mut file = BufWriter::with_capacity(BUFFER, File::create(to)?);
    io::copy(&mut source, &mut file)?;
    black_box(source.1.finalize());
    file.into_inner()?.sync_all()
}

fn copy(from: &Path, to: &Path, encrypted: bool) -> Outcome<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let cipher = *Cipher::preferred().first().ok_or("no cipher")?;
    let secret = || Secret::new([7; 32]);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || -> Outcome<()> {
            let stream = TcpStream::connect(address)?;
            if encrypted {
                let layer = RecordW::new(cipher, secret()).ok_or("no cipher")?;
                let mut sink = CompW::new(layer, stream);
                send(from, &mut sink)?;
                sink.write_end()?;
            } else {
                send(from, stream)?;
            }
            Ok(())
        });
        let stream = listener.accept()?.0;
        if encrypted {
            let layer = RecordR::new(cipher, secret()).ok_or("no cipher")?;
            let stream = io::BufReader::with_capacity(BUFFER, stream);
            receive(CompR::new(layer, stream), to)?;
        } else {
            receive(stream, to)?;
        }
        sending.join().map_err(|_| "the sender panicked")??;
        Ok(start.elapsed())
    })
}

fn node(encrypted: bool) -> Outcome<Config> {
    let identity = Arc::new(Identity::generate()?);
    let credentials = match encrypted {
        true => Credentials::public(identity),
        false => Credentials::no_auth(identity),
    };
    Ok(Config {
        credentials: Some(credentials),
        ..Config::default()
    })
}

fn nodes(from: &Path, to: &Path, encrypted: bool) -> Outcome<Duration> {
    let provider = Config {
        credentials: node(encrypted)?.credentials,
        ..Config::listen("127.0.0.1:0".parse()?)
    };
    let provider = provider.start()?;
    let key = provider.put_file(from).wait()?.key;
    let getter = Config {
        attachments: Some(to.to_owned()),
        ..node(encrypted)?
    };
    let known = provider.address().ok_or("it listens nowhere")?;
    let getter = getter.bootstrap(known).start()?;
    getter.await_peer(Duration::from_secs(10)).wait()?;
    let start = Instant::now();
    getter.get_record(&key).wait()?.ok_or("nobody has it")?;
    let elapsed = start.elapsed();
    getter.stop()?;
    provider.stop()?;
    Ok(elapsed)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds of each round: copied and between nodes, without and with encryption.
type Rounds = [Vec<f64>; 4];

fn rounds(from: &Path, to: &Path, rounds: usize) -> Outcome<Rounds> {
    let mut seconds = Rounds::default();
    for _ in 0..rounds {
        for (index, times) in seconds.iter_mut().enumerate() {
            let encrypted = index % 2 == 1;
            times.push(if index < 2 {
                let elapsed = copy(from, to, encrypted)?;
                fs::remove_file(to)?;
                elapsed.as_secs_f64()
            } else {
                let elapsed = nodes(from, to, encrypted)?;
                fs::remove_dir_all(to)?;
                elapsed.as_secs_f64()
            });
        }
    }
    Ok(seconds)
}

/// The median of what `of` is of `to` in each round.
fn ratio(seconds: &Rounds, of: usize, to: usize) -> f64 {
    let pairs = seconds[of].iter().zip(&seconds[to]);
    median(pairs.map(|(of, to)| to / of).collect())
}

/// The most memory that this process had until now, in MiB.
fn peak_memory() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("the system does not say")?.parse::<u64>()? / 1024)
}

/// One attachment of `gib` GiB.
fn large(gib: u64) -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    for mib in [1, gib << 10] {
        File::create(&from)?.set_len(mib << 20)?;
        let seconds = nodes(&from, &to, true)?.as_secs_f64();
        fs::remove_dir_all(&to)?;
        println!(
            "{mib} MiB: {:.0} MiB/s, {} MiB of memory at most",
            mib as f64 / seconds,
            peak_memory()?
        );
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let argument = |name: &str| std::env::args().skip_while(move |arg| arg != name).nth(1);
    if let Some(gib) = argument("--large") {
        return large(gib.parse()?);
    }
    let quick = std::env::args().any(|arg| arg == "--quick");
    let dir = tempfile::tempdir()?;
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let mut table = String::from(
        "| MiB | io::copy | io::copy, encrypted | nodes, not encrypted | nodes | nodes / io::copy | not encrypted / \
         io::copy | nodes / io::copy, encrypted |\n|---|---|---|---|---|---|---|---|\n",
    );
    let mut bars = plot::Bars::default();
    for mib in [1u32, 16, 64, 256] {
        let content: Vec<u8> = (0..mib << 20).map(|i| (i / 3) as u8).collect();
        fs::write(&from, content)?;
        let seconds = rounds(&from, &to, if quick { 1 } else { 5 })?;
        let speeds = seconds.clone().map(|times| f64::from(mib) / median(times));
        let shown = speeds.map(|speed| format!("{speed:.0}")).join(" | ");
        table += &format!(
            "| {mib} | {shown} | {:.2} | {:.2} | {:.2} |\n",
            ratio(&seconds, 3, 0),
            ratio(&seconds, 2, 0),
            ratio(&seconds, 3, 1),
        );
        let names = [
            "io::copy",
            "io::copy, encrypted",
            "nodes, not encrypted",
            "nodes",
        ];
        bars.panel(
            &format!("{mib} MiB"),
            |speed| format!("{speed:.0} MiB/s"),
            (0..4).map(|index| (names[index], index > 1, speeds[index])),
        );
    }
    println!("{table}");
    if let Some(out) = argument("--out") {
        let out = Path::new(&out);
        fs::create_dir_all(out)?;
        let page = format!(
            "# An attachment over loopback TCP\n\nMiB/s, medians of the rounds; a ratio is the median of the rounds' \
             ratios. Both ends hash what passes, the receiver syncs its file.\n\n![As a plot](transfer.svg)\n\n{table}"
        );
        fs::write(out.join("transfer.md"), page)?;
        fs::write(out.join("transfer.svg"), bars.svg())?;
    }
    Ok(())
}
