//! The commands of the manual's tutorials, as a reader types them.
//!
//! In a block `console` each line that begins with `$` is a command, and the lines after it are
//! what it prints. `…` stands for any text, and a line that is only `…` for any lines. A server or
//! a node runs until the end of the page. Commands of cargo are left out.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ports that the pages use. Each is replaced by a free one.
const PORTS: [&str; 2] = ["4000", "8080"];

/// Servers and nodes of a page; killed when the page ends.
#[derive(Default)]
struct Running(Vec<Child>);

impl Running {
    fn stop(&mut self) {
        for mut child in self.0.drain(..) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug)]
struct Step {
    command: String,
    output: Vec<String>,
}

/// Returns the commands of a page in order, with what they print.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            steps.push(Step {
                command: command.to_owned(),
                output: Vec::new(),
            });
        } else if let (true, Some(step)) = (inside, steps.last_mut()) {
            step.output.push(line.to_owned());
        }
    }
    steps
}

/// Tells whether `line` is `pattern`, in which `…` stands for any text. Eight hex digits before it
/// are an example of an id or a hash, and stand for any text too.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('…').map(|part| {
        let hex = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        match part
            .len()
            .checked_sub(8)
            .and_then(|at| part.split_at_checked(at))
        {
            Some((before, digits)) if pattern.contains('…') && hex(digits) => before,
            _ => part,
        }
    });
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Tells whether `lines` are `patterns`, of which one that is only `…` stands for any lines.
fn all_match(patterns: &[String], lines: &[&str]) -> bool {
    match (patterns, lines) {
        ([], lines) => lines.is_empty(),
        ([any, rest @ ..], _) if any == "…" => {
            (0..=lines.len()).any(|skipped| all_match(rest, &lines[skipped..]))
        }
        ([first, patterns @ ..], [line, lines @ ..]) => {
            matches(first, line) && all_match(patterns, lines)
        }
        (_, []) => false,
    }
}

/// Tells whether a command runs until it is stopped.
fn stays(command: &str) -> bool {
    let starts = ["mydht node", "mydht signal"];
    let ends = ["--limit", "--status", "--help"];
    starts.iter().any(|start| command.starts_with(start))
        && !ends.iter().any(|flag| command.contains(flag))
}

fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn shell(command: &str, folder: &Path) -> Command {
    let bin = Path::new(env!("CARGO_BIN_EXE_mydht")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    // `exec`, so that the process that is killed is the server.
    shell.arg("-c").arg(format!("exec {command} 2>&1"));
    shell.env("PATH", format!("{}:{path}", bin.display()));
    shell.current_dir(folder);
    shell
}

fn follow(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/tutorials");
    let mut page = fs::read_to_string(path.join(name)).unwrap();
    for port in PORTS {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = listener.local_addr().unwrap().port();
        page = page.replace(&format!(":{port}"), &format!(":{free}"));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::default();
    let steps = steps(&page);
    assert!(!steps.is_empty(), "{name} has no commands");
    for Step { command, output } in steps {
        if ["cargo", "rustup", "npm"]
            .iter()
            .any(|other| command.starts_with(other))
        {
            continue;
        }
        let printed = if let Some(url) = command.strip_prefix("curl ") {
            get(url)
        } else if stays(&command) {
            // A server takes the place of the one before, as when its user stops that first.
            if command.starts_with("mydht signal") {
                running.stop();
            }
            let mut child = shell(&command, folder.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            running.0.push(child);
            let lines = stdout.lines().take(output.len());
            lines.map(|line| line.unwrap() + "\n").collect()
        } else {
            let ended = shell(&command, folder.path()).output().unwrap();
            String::from_utf8(ended.stdout).unwrap()
        };
        let lines: Vec<&str> = printed.lines().collect();
        assert!(
            all_match(&output, &lines),
            "{name}: `{command}` prints\n{printed}\nand not\n{}",
            output.join("\n")
        );
    }
}

#[test]
fn private_network() {
    follow("private-network.md");
}

#[cfg(feature = "server")]
#[test]
fn run_a_server() {
    follow("run-a-server.md");
}

#[test]
fn a_pattern_stands_for_any_text_and_any_lines() {
    let pattern = ["a…c".to_owned(), "…".to_owned(), "z…".to_owned()];
    assert!(all_match(&pattern, &["abc", "x", "y", "zed"]));
    assert!(all_match(&pattern, &["ac", "z"]));
    assert!(matches("id=4fca92b8…", "id=0123456789abcdef"));
    assert!(!all_match(&pattern, &["ab", "z"]));
    assert!(!all_match(&pattern, &["abc", "y"]));
}
