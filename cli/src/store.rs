//! `mydht store`.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mydht::store::{Folder, KVStore, KeptRecord};
use mydht::{Key, Record, Value};

use crate::progress::Progress;

/// Look at the store of a node, check it, and move files in and out of it.
///
/// A store is the folder that `mydht node --store DIR` keeps its records and files in. One program
/// at a time can have it open: stop the node first.
#[derive(clap::Args)]
#[command(after_help = "\
For example, with a node that was run with --store a:
  mydht store list --store a               one line for each record
  mydht store verify --store a             read everything and check its hash
  mydht store export --store a KEY --out picture.jpg
  mydht store import --store a picture.jpg     the node serves it when it is started again
  mydht store import --store a --in-place film.mkv     the same without a copy")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Place {
    /// The folder of the store.
    #[arg(long = "store", value_name = "DIR")]
    dir: PathBuf,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print one line for each record: its key, how much of it is here, how long it is, what it is
    /// called.
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Print what is known of one record.
    Inspect {
        #[command(flatten)]
        place: Place,
        /// Its key, as `put` or `list` printed it, or its name.
        key: String,
    },
    /// Read everything and check it against its hash. Exits with 1 if something is damaged or
    /// missing.
    Verify {
        #[command(flatten)]
        place: Place,
    },
    /// Write the value or the file under a key to PATH, or to standard output.
    Export {
        #[command(flatten)]
        place: Place,
        /// Its key, as `put` or `list` printed it, or its name.
        key: String,
        /// File to write. An existing file is not overwritten.
        #[arg(long, value_name = "PATH")]
        out: Option<PathBuf>,
    },
    /// Take a file in, and print its key.
    Import {
        #[command(flatten)]
        place: Place,
        /// The file.
        path: PathBuf,
        /// A name to find it by, instead of the hash of its content.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Do not copy it: give it out from where it is. It must stay there as it is, and what is
        /// changed in it is not served any more.
        #[arg(long)]
        in_place: bool,
    },
    /// Print how much there is: records, and bytes of values and of files.
    Size {
        #[command(flatten)]
        place: Place,
    },
}

pub fn run(args: &Args) -> io::Result<ExitCode> {
    match &args.command {
        Command::List { place } => list(&mut open(place)?),
        Command::Inspect { place, key } => inspect(&mut open(place)?, key),
        Command::Verify { place } => verify(&mut open(place)?),
        Command::Export { place, key, out } => export(&mut open(place)?, key, out.as_deref()),
        Command::Import {
            place,
            path,
            key,
            in_place,
        } => import(place, path, key.as_deref(), *in_place),
        Command::Size { place } => size(&mut open(place)?),
    }
}

fn open(place: &Place) -> io::Result<Folder> {
    Folder::existing(&place.dir)
}

fn parse(key: &str) -> io::Result<Key> {
    key.parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

fn find(store: &mut Folder, key: &str) -> io::Result<Record> {
    store.get(&parse(key)?)?.ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("{key} is not in this store: `mydht store list` shows what is"),
        )
    })
}

/// Returns the length of a record's content, and how much of it is here.
fn extent(store: &mut Folder, record: &Record) -> io::Result<(u64, u64)> {
    match &record.value {
        Value::Bytes(bytes) => Ok((bytes.len() as u64, bytes.len() as u64)),
        Value::Attachment { id, .. } => Ok((id.len, store.bytes_here(id)?)),
    }
}

fn list(store: &mut Folder) -> io::Result<ExitCode> {
    let mut stdout = io::stdout().lock();
    store.each(|store, kept| match kept {
        Ok(KeptRecord { record, .. }) => {
            let (len, here) = extent(store, &record)?;
            let state = match here == len {
                true => "whole".to_owned(),
                false => format!("{}%", here * 100 / len.max(1)),
            };
            let name = match &record.value {
                Value::Bytes(_) => "",
                Value::Attachment { name, .. } => name,
            };
            // What peers chose must not move the cursor.
            let name = name.escape_debug();
            writeln!(stdout, "{}\t{state}\t{len}\t{name}", record.key)
        }
        Err(why) => {
            eprintln!("mydht: {why}");
            Ok(())
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn inspect(store: &mut Folder, key: &str) -> io::Result<ExitCode> {
    let record = find(store, key)?;
    let (len, here) = extent(store, &record)?;
    let mut stdout = io::stdout().lock();
    let kind = match record.key {
        Key::Content(_) => "the hash of its content",
        Key::Name(_) => "a name",
        Key::Signed(_) => "its signer's",
    };
    writeln!(stdout, "key      {} ({kind})", record.key)?;
    writeln!(stdout, "content  {}", record.value.hash())?;
    writeln!(stdout, "length   {len} bytes")?;
    match &record.value {
        Value::Bytes(_) => writeln!(stdout, "kind     a value")?,
        Value::Attachment { id, name } => {
            // Escaped as in `list`, because a peer chose the name.
            writeln!(stdout, "kind     a file named `{}`", name.escape_debug())?;
            writeln!(stdout, "here     {here} of {len} bytes")?;
            if here == len {
                writeln!(stdout, "kept in  {}", store.attachments.path(id)?.display())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(store: &mut Folder) -> io::Result<ExitCode> {
    let (mut right, mut wrong) = (0u64, 0u64);
    store.each(|store, kept| {
        let why = match kept {
            Ok(kept) => store
                .verify(&kept.record)?
                .map(|why| format!("{}: {why}", kept.record.key)),
            Err(why) => Some(why.to_string()),
        };
        match why {
            None => right += 1,
            Some(why) => {
                wrong += 1;
                eprintln!("mydht: {why}");
            }
        }
        Ok(())
    })?;
    writeln!(io::stdout(), "{right} right, {wrong} wrong")?;
    Ok(match wrong {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn export(store: &mut Folder, key: &str, out: Option<&Path>) -> io::Result<ExitCode> {
    let record = find(store, key)?;
    let (len, here) = extent(store, &record)?;
    // Checked before the file is created, so that no incomplete one is left behind.
    if here < len {
        return Err(io::Error::other(format!(
            "{here} of {len} bytes are here: get it again to resume, then export it"
        )));
    }
    let mut sink: Box<dyn Write> = match out {
        Some(path) => Box::new(File::create_new(path).map_err(|error| {
            let why = format!("{} cannot be written: {error}", path.display());
            io::Error::new(error.kind(), why)
        })?),
        // A terminal could interpret the bytes of a file as control sequences.
        None if io::stdout().is_terminal() && record.value.attachment().is_some() => {
            return Err(io::Error::other(
                "this is a file: say with --out where to write it",
            ));
        }
        None => Box::new(io::stdout().lock()),
    };
    match &record.value {
        Value::Bytes(bytes) => sink.write_all(bytes)?,
        Value::Attachment { id, .. } => {
            use mydht::store::AttachmentStore;
            let progress = Progress::new("exported", Some(len));
            let mut done = 0;
            for part in 0..id.parts() {
                // It is checked as it is read.
                let found = store.attachments.read_part(id, part)?;
                let (bytes, _) = found.ok_or(io::ErrorKind::NotFound)?;
                sink.write_all(&bytes)?;
                done += bytes.len() as u64;
                progress.set(done);
            }
            progress.finish();
        }
    }
    sink.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn import(place: &Place, path: &Path, key: Option<&str>, in_place: bool) -> io::Result<ExitCode> {
    let key = key.map(parse).transpose()?;
    let len = std::fs::metadata(path).map(|meta| meta.len()).ok();
    let progress = Progress::new("imported", len);
    // Unlike the other commands, this one creates the store if it does not exist.
    let mut store = Folder::open(&place.dir)?;
    let heard = |done| progress.set(done);
    let record = match in_place {
        true => store.import_in_place(key, path, heard)?,
        false => store.import(key, path, heard)?,
    };
    progress.finish();
    writeln!(io::stdout(), "{}", record.key)?;
    Ok(ExitCode::SUCCESS)
}

fn size(store: &mut Folder) -> io::Result<ExitCode> {
    let usage = store.records.usage()?;
    let files = store.attachments.list()?;
    let whole = files.iter().filter(|file| file.whole);
    let begun = files.iter().filter(|file| !file.whole);
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "records  {}, {} bytes", usage.entries, usage.bytes)?;
    writeln!(
        stdout,
        "files    {}, {} bytes",
        whole.clone().count(),
        whole.map(|file| file.bytes).sum::<u64>()
    )?;
    writeln!(
        stdout,
        "begun    {}, {} bytes",
        begun.clone().count(),
        begun.map(|file| file.bytes).sum::<u64>()
    )?;
    Ok(ExitCode::SUCCESS)
}
