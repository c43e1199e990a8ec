use super::*;
use std::process::Command;

/// Statistics of a process, all numbers different.
pub const STATS: &str = r#"{"yields":1,"restarts":2,"bytes_replayed":3,"bytes_skipped":4,"bytes_in":5,"bytes_out":6,"peak_rss_bytes":7}"#;

/// A shell script that stands for the binary. Its body finds the command in `$command`, the values
/// of `--stats`, `--file`, `--out` and `--bootstrap` in variables of these names, and what is left
/// in `$key`.
pub fn program(dir: &Path, body: &str) -> PathBuf {
    let path = dir.join("mydht");
    let text = format!(
        "#!/bin/sh\n\
         command=$1; shift\n\
         while [ $# -gt 0 ]; do case $1 in\n\
         --*) export \"${{1#--}}=$2\"; shift 2;;\n\
         *) key=$1; shift;;\n\
         esac; done\n\
         {body}\n"
    );
    // By a process of its own: were the file open for writing here while another test forks, it could
    // not be executed ("text file busy").
    let written = Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$0\" && chmod +x \"$0\""])
        .arg(&path)
        .arg(&text)
        .status();
    assert!(written.unwrap().success());
    path
}

/// A network that keeps one file beside its statistics; `$corrupt` is run on what is given back.
fn network(dir: &Path, corrupt: &str) -> PathBuf {
    let body = format!(
        "say() {{ echo '{STATS}' > \"$stats\"; }}\n\
         case $command in\n\
         node) trap 'say; kill $child; exit 0' TERM\n\
           sleep 600 & child=$!\n\
           echo listening tcp:127.0.0.1:1 id=ab\n\
           wait;;\n\
         put) cp \"$file\" kept && echo 0123 && say;;\n\
         get) [ \"$key\" = 0123 ] && cp kept \"$out\" && {corrupt} && say;;\n\
         esac"
    );
    program(dir, &body)
}

fn arguments(file: Option<PathBuf>) -> Args {
    Args {
        file,
        size: 1,
        seed: 1,
        timeout: 60,
        check: true,
    }
}

fn play_with(corrupt: &str, file: Option<PathBuf>) -> Result<bool> {
    let dir = tempfile::tempdir().unwrap();
    let program = network(dir.path(), corrupt);
    play(&arguments(file), &program, dir.path())
}

#[test]
fn what_comes_back_the_same_is_the_same() {
    assert!(play_with("true", None).unwrap());
}

#[test]
fn a_byte_more_is_not_the_same() {
    assert!(!play_with("echo >> \"$out\"", None).unwrap());
}

#[test]
fn a_file_can_be_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine");
    std::fs::write(&file, "some text").unwrap();
    assert!(play_with("true", Some(file)).unwrap());
    let absent = play_with("true", Some(dir.path().join("absent"))).unwrap_err();
    assert!(format!("{absent:#}").contains("absent"));
}

#[test]
fn a_failure_of_get_shows_what_it_said() {
    let error = play_with("{ echo lost >&2; false; }", None).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("`mydht get` failed"), "{error}");
    assert!(error.contains("lost"), "{error}");
}
