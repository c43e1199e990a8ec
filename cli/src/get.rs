//! `mydht get`.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mydht::{AttachmentId, Key, Value};

use crate::client::Network;
use crate::progress::Progress;
use crate::sign;

/// Get a value or a file from the network.
///
/// A value is printed as it is. A file is written to --out, or to standard output if that is no
/// terminal. A file that could not be fetched whole is kept in `PATH.mydht-part`, and the next get
/// to the same PATH goes on from there.
///
/// Exits with 1 if nobody has it.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// Key that `put` printed. `signed:SIGNER/SALT` is the newest version of what SIGNER, a public
    /// key, has signed with SALT; the version is named on standard error.
    key: String,
    /// File to write. An existing file is replaced when all of the content has come.
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
}

/// A get that found nothing begins again, so often at most, where the peers are others than when it
/// began: it may have asked one that has only just started, or that has gone.
const AGAIN: u32 = 3;

pub fn run(args: &Args) -> io::Result<ExitCode> {
    let key: Key = args
        .key
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    // Checked before connecting, so that a wrong --out is reported at once.
    let folder = Folder::new(args.out.as_deref())?;
    let client = args.network.connect(Some(folder.path.clone()))?;
    let progress = Arc::new(Mutex::new(None));
    let get = || {
        let shown = Arc::clone(&progress);
        let call = client.node().get_record(&key);
        call.on_progress(move |done, total| show(&shown, done, total))
            .wait()
    };
    let mut asked = client.peers()?;
    let mut result = get();
    for _ in 0..AGAIN {
        let peers = client.peers()?;
        if !matches!(result, Ok(None)) || peers == asked {
            break;
        }
        asked = peers;
        result = get();
    }
    if let Some(progress) = lock(&progress).take() {
        progress.finish();
    }
    // Stopped before what came is moved, so that all of it is on disk.
    client.leave()?;
    match result? {
        Some(record) => {
            match record.value {
                Value::Bytes(bytes) => write_value(&bytes, args.out.as_deref())?,
                Value::Attachment { id, .. } => folder.give_out(&id, args.out.as_deref())?,
            }
            record.seal.as_deref().into_iter().for_each(sign::report);
        }
        None => {
            folder.remove_if_empty();
            eprintln!("mydht: nobody has {}", args.key);
            return Ok(ExitCode::FAILURE);
        }
    }
    folder.remove();
    Ok(ExitCode::SUCCESS)
}

/// Shows how much has arrived, on the node's thread.
fn show(progress: &Mutex<Option<Progress>>, done: u64, total: u64) {
    lock(progress)
        .get_or_insert_with(|| Progress::new("received", Some(total)))
        .set(done);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A bar that panicked while it was drawn is still a bar.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder in which an attachment arrives.
struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Beside the file that is wanted, so that it is moved there at once and found again by the
    /// next try.
    fn new(out: Option<&Path>) -> io::Result<Self> {
        let path = match out {
            Some(out) if out.is_dir() => {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    format!(
                        "{} is a folder: name a file in it with --out",
                        out.display()
                    ),
                ));
            }
            Some(out) => {
                let mut name = out.as_os_str().to_owned();
                name.push(".mydht-part");
                name.into()
            }
            // Named by the process id: two gets to standard output must not share a folder.
            None => std::env::temp_dir().join(format!("mydht-get-{}", std::process::id())),
        };
        Ok(Folder { path })
    }

    fn give_out(&self, id: &AttachmentId, out: Option<&Path>) -> io::Result<()> {
        let arrived = self.path.join(id.hash.to_string());
        match out {
            // The folder is beside the target, so this is a rename and not a copy.
            Some(out) => fs::rename(&arrived, out).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!(
                        "{} cannot be written: {error}; what came is in {}",
                        out.display(),
                        arrived.display()
                    ),
                )
            }),
            None if io::stdout().is_terminal() => Err(io::Error::other(
                "this is a file: say with --out where to write it",
            )),
            None => io::copy(&mut File::open(&arrived)?, &mut io::stdout().lock()).map(drop),
        }
    }

    fn remove(&self) {
        // What is left in it was only needed on the way.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Parts of an earlier try stay.
    fn remove_if_empty(&self) {
        // This fails where something is in it, which is to stay.
        let _ = fs::remove_dir(&self.path);
    }
}

fn write_value(bytes: &[u8], out: Option<&Path>) -> io::Result<()> {
    match out {
        Some(out) => fs::write(out, bytes).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{} cannot be written: {error}", out.display()),
            )
        }),
        None => {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            // A prompt on the same line is no part of the value.
            if stdout.is_terminal() {
                stdout.write_all(b"\n")?;
            }
            stdout.flush()
        }
    }
}
