//! Reports of a running node, over HTTP and on the command line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A node whose state is served over HTTP.
pub struct Node {
    process: Child,
    /// Kept open, or the node could not print.
    _stdout: BufReader<ChildStdout>,
    addresses: Vec<String>,
    metrics: SocketAddr,
}

fn mydht(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mydht"));
    command.args(args).output().unwrap()
}

impl Node {
    pub fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mydht"))
            .args(["node", "--metrics", "127.0.0.1:0"])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--listen",
                "ws://127.0.0.1:0/dht",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let (first, second) = (line(), line());
        let addresses = first.strip_prefix("listening ").unwrap();
        let (addresses, _) = addresses.split_once(" id=").unwrap();
        let metrics = second.strip_prefix("metrics http://").unwrap();
        Node {
            addresses: addresses.split(' ').map(str::to_owned).collect(),
            metrics: metrics.strip_suffix("/metrics").unwrap().parse().unwrap(),
            process,
            _stdout: stdout,
        }
    }

    pub fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.metrics).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn number(&self, name: &str) -> u64 {
        let text = self.get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}"))
            .trim()
            .parse()
            .unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_node_that_is_put_to_by_tcp_and_got_from_by_websocket_says_so() {
    let node = Node::start();
    let [tcp, ws] = &node.addresses[..] else {
        panic!("{:?}", node.addresses);
    };
    assert!(tcp.starts_with("tcp:127.0.0.1:") && ws.starts_with("ws://127.0.0.1:"));
    assert_eq!(node.number("mydht_node_records "), 0);
    let put = mydht(&["put", "--bootstrap", tcp, "--key", "greeting", "hello"]);
    assert!(put.status.success(), "{put:?}");
    let got = mydht(&["get", "--bootstrap", ws, "greeting"]);
    assert_eq!(got.stdout, b"hello", "{got:?}");
    assert_eq!(node.number("mydht_node_records "), 1);
    assert!(node.number("mydht_node_messages_in_total ") >= 2);
    let at = node.metrics.to_string();
    let status = mydht(&["node", "--status", &at]);
    let shown = String::from_utf8(status.stdout).unwrap();
    assert!(
        shown.contains("records    1, ") && shown.contains(ws.as_str()),
        "{shown}"
    );
}

#[test]
fn who_stalls_or_sends_garbage_is_nobody_elses_trouble() {
    let node = Node::start();
    let _silent: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(node.metrics).unwrap())
        .collect();
    for garbage in [
        &b"\xff\xfe\x00\r\n\r\n"[..],
        b"GET /nothing HTTP/1.0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(node.metrics).unwrap();
        stream.write_all(garbage).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.0 4") || answer.starts_with(b"HTTP/1.1 4"));
    }
    assert!(node.get("/health").ends_with("ok\n"));
    assert_eq!(node.number("mydht_node_peers "), 0);
}

#[test]
fn where_no_node_answers_one_line_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    drop(listener);
    let status = mydht(&["node", "--status", &at]);
    let stderr = String::from_utf8(status.stderr).unwrap();
    assert!(!status.status.success() && stderr.lines().count() == 1);
    assert!(stderr.contains("--metrics"), "{stderr}");
}
