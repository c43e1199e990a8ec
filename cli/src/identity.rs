//! `mydht identity`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mydht::identity::{self, GroupSecret, Identity};

/// Show, make, copy or change the key that a node proves its id with.
///
/// Whoever can read such a file is that node: keep copies where only you can read them.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print the id of the identity in FILE.
    Show {
        /// File of the identity.
        file: PathBuf,
    },
    /// Make a new identity in FILE, and print its id. What is there is never overwritten.
    New {
        /// File to make; only its owner can read it.
        file: PathBuf,
    },
    /// Copy the identity in FILE to the new file TO, and print its id.
    Export {
        /// File of the identity.
        file: PathBuf,
        /// File of the copy. An existing file is never overwritten.
        to: PathBuf,
    },
    /// Copy the identity in FROM, once exported, to the new file FILE, and print its id.
    Import {
        /// Exported file.
        from: PathBuf,
        /// File of the identity. An existing file is never overwritten.
        file: PathBuf,
    },
    /// Put a new identity into FILE, keep the old one beside it, and print both ids. A node takes
    /// it at its next start.
    Rotate {
        /// File of the identity. The old one is kept under the same name with the first eight
        /// digits of its id.
        file: PathBuf,
    },
    /// Make a new secret for a private network in FILE. Its members start with the same:
    /// `--group-secret-file FILE`.
    NewGroup {
        /// File to make; only its owner can read it.
        file: PathBuf,
    },
}

pub fn run(args: &Args) -> io::Result<ExitCode> {
    let text = match &args.command {
        Command::Show { file } => identity::load::<Identity>(file)?.id().to_string(),
        Command::New { file } => {
            let new = Identity::generate()?;
            identity::create(file, &new)?;
            new.id().to_string()
        }
        Command::Export { file, to }
        | Command::Import {
            from: file,
            file: to,
        } => identity::export(file, to)?.to_string(),
        Command::Rotate { file } => {
            let rotated = identity::rotate(file)?;
            let kept = rotated.kept.display();
            format!("{}\nwas {}, kept in {kept}", rotated.new, rotated.old)
        }
        Command::NewGroup { file } => {
            identity::create(file, &GroupSecret::generate()?)?;
            format!("a new group's secret is in {}", file.display())
        }
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
