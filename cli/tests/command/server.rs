//! `mydht signal` in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server in a process of its own.
pub struct Server {
    pub process: Child,
    _stdout: BufReader<ChildStdout>,
    scheme: String,
    pub address: String,
}

impl Server {
    pub fn start(args: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_mydht"))
            .arg("signal")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .trim_end()
            .strip_prefix("listening ")
            .and_then(|url| url.split_once("://"));
        let (scheme, address) = address.unwrap_or_else(|| panic!("the first line is `{line}`"));
        Server {
            scheme: scheme.to_owned(),
            address: address.to_owned(),
            process,
            _stdout: stdout,
        }
    }

    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The head and the body of what it answers.
    pub fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub fn metric(&self, name: &str) -> u64 {
        let (_, body) = self.get("/metrics");
        let prefix = format!("mydht_signal_{name} ");
        let line = body.lines().find_map(|line| line.strip_prefix(&prefix));
        line.unwrap_or_else(|| panic!("no {name} in {body}"))
            .parse()
            .unwrap()
    }

    pub fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already in some tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
