//! The process that is killed.

use std::io::Write;
use std::path::Path;

use crate::{attachments, records};

/// Says that so much is kept.
pub fn say(kept: u64) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "\nkept {kept}").unwrap();
    stdout.flush().unwrap();
}

#[test]
#[ignore = "the process that the other tests kill"]
fn child() {
    let job = std::env::var("MYDHT_CRASH_JOB").unwrap();
    let path = std::env::var_os("MYDHT_CRASH_PATH").unwrap();
    let path = Path::new(&path);
    let (job, from) = job.split_once(' ').unwrap_or((&job, "0"));
    match job {
        "redb" => records::write(&mut records::redb(path)),
        "file" => records::write(&mut records::file(path)),
        "full-redb" => records::fill(&mut records::redb(path)),
        "full-file" => records::fill(&mut records::file(path)),
        "attachment" => attachments::write(path, from.parse().unwrap()),
        "full-attachment" => attachments::fill(path),
        other => panic!("no job {other}"),
    }
}
