//! `mydht put`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use mydht::attachment::tree::Tree;
use mydht::native::{file_record, hash_file};
use mydht::service::Request;
use mydht::store::Content;
use mydht::{Key, Record, Value};

use crate::client::Network;
use crate::invalid;
use crate::progress::Progress;
use crate::sign::{self, Sign};

/// Put a value or a file into the network, and print its key.
///
/// Without --key and --sign the key is the hash of the content, so that whoever gets it can tell
/// that it is right.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// A name to find it by, instead of the hash of its content. A later put under the same name
    /// replaces it.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    sign: Sign,
    /// A file to put.
    #[arg(long, value_name = "PATH", conflicts_with = "value")]
    file: Option<PathBuf>,
    /// The value to put.
    #[arg(required_unless_present = "file")]
    value: Option<String>,
}

pub fn run(args: &Args) -> io::Result<ExitCode> {
    let (mut record, content) = match (&args.file, &args.value) {
        (Some(path), _) => file(path)?,
        (None, value) => {
            let bytes = value.clone().unwrap_or_default().into_bytes();
            (Record::by_content(Value::Bytes(bytes)), None)
        }
    };
    // What `get` will be given, so it is printed as it was written.
    let mut shown = record.key.to_string();
    if let Some(name) = &args.key {
        record.key = name.parse::<Key>().map_err(invalid)?;
        // A key of 64 hexadecimal digits is a content hash, under which nothing else can be stored.
        if let Key::Content(hash) = record.key
            && hash != record.value.hash()
        {
            return Err(invalid(format!(
                "--key {name} is the hash of another content: leave --key out, or choose a name"
            )));
        }
        shown.clone_from(name);
    }
    let client = args.network.connect(None)?;
    // Signed after connecting, because the version number must follow the newest in the network.
    if let Some((signed, name)) = args.sign.sign(&client, &record.value)? {
        (record, shown) = (signed, name);
    }
    let seal = record.seal.clone();
    let len = record.value.attachment().map(|id| id.len);
    let progress = Arc::new(Progress::new("sent", len));
    let sent = Arc::clone(&progress);
    let call = client.node().put_request(Request::put(record, content));
    let result = call.on_progress(move |done, _| sent.set(done)).wait();
    progress.finish();
    if result?.copies == 0 {
        return Err(io::Error::other("no peer was there to keep it"));
    }
    seal.as_deref().into_iter().for_each(sign::report);
    writeln!(io::stdout(), "{shown}")?;
    client.leave()?;
    Ok(ExitCode::SUCCESS)
}

fn file(path: &Path) -> io::Result<(Record, Option<(Tree, Content)>)> {
    let len = std::fs::metadata(path).map(|meta| meta.len()).ok();
    let progress = Progress::new("hashed", len);
    let tree = hash_file(path, |done| progress.set(done))?;
    progress.finish();
    let record = file_record(None, path, &tree);
    Ok((record, Some((tree, Content::File(path.to_owned())))))
}
