//! An attachment from node to node over loopback TCP, beside `std::io::copy` over TCP with the same hashing.
//!
//! `cargo xtask bench transfer`. Both ends hash what passes, as the nodes do, and both receivers write to a file.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use mydht::native::Config;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// `io::copy` reads into a `BufWriter`'s buffer: with less, hashing would be slower than it has to be.
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

fn copy(from: &Path, to: &Path) -> Outcome<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let start = Instant::now();
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || -> io::Result<()> {
            let mut source = Hashed(File::open(from)?, blake3::Hasher::new());
            let mut stream = BufWriter::with_capacity(BUFFER, TcpStream::connect(address)?);
            io::copy(&mut source, &mut stream)?;
            black_box(source.1.finalize());
            stream.flush()
        });
        let mut source = Hashed(listener.accept()?.0, blake3::Hasher::new());
        let mut file = BufWriter::with_capacity(BUFFER, File::create(to)?);
        io::copy(&mut source, &mut file)?;
        black_box(source.1.finalize());
        file.into_inner()?.sync_all()?;
        sending.join().map_err(|_| "the sender panicked")??;
        Ok(start.elapsed())
    })
}

fn nodes(from: &Path, to: &Path) -> Outcome<Duration> {
    let provider = Config::listen("127.0.0.1:0".parse()?).start()?;
    let key = provider.put_file(None, from)?;
    let getter = Config {
        attachments: Some(to.to_owned()),
        ..Config::default()
    };
    let known = provider.address().ok_or("it listens nowhere")?;
    let getter = getter.bootstrap(known).start()?;
    getter.await_peer(Duration::from_secs(10))?;
    let start = Instant::now();
    getter.get(&key)?.ok_or("nobody has it")?;
    let elapsed = start.elapsed();
    getter.stop()?;
    provider.stop()?;
    Ok(elapsed)
}

/// The middle of three.
fn median(mut run: impl FnMut() -> Outcome<Duration>) -> Outcome<f64> {
    let mut times = [run()?, run()?, run()?];
    times.sort_unstable();
    Ok(times[1].as_secs_f64())
}

fn main() -> Outcome<()> {
    let out = std::env::args().skip_while(|arg| arg != "--out").nth(1);
    let dir = tempfile::tempdir()?;
    let (from, to) = (dir.path().join("from"), dir.path().join("to"));
    let mut table = String::from(
        "| MiB | io::copy, hashed, MiB/s | node to node, MiB/s | ratio |\n|---|---|---|---|\n",
    );
    for mib in [1u32, 16, 64, 256] {
        let content: Vec<u8> = (0..mib << 20).map(|i| (i / 3) as u8).collect();
        fs::write(&from, content)?;
        let plain = median(|| copy(&from, &to))?;
        fs::remove_file(&to)?;
        let ours = median(|| {
            let elapsed = nodes(&from, &to)?;
            fs::remove_dir_all(&to)?;
            Ok(elapsed)
        })?;
        let speed = |seconds: f64| f64::from(mib) / seconds;
        table += &format!(
            "| {mib} | {:.0} | {:.0} | {:.2} |\n",
            speed(plain),
            speed(ours),
            plain / ours
        );
    }
    println!("{table}");
    if let Some(out) = out {
        fs::create_dir_all(&out)?;
        let page = format!(
            "# An attachment over loopback TCP\n\nMedians of three; both ends hash what passes.\n\n{table}"
        );
        fs::write(Path::new(&out).join("transfer.md"), page)?;
    }
    Ok(())
}
