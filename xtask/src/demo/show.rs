//! The demo for a user: something to see in the first minute, and then the page.

use super::build::Builds;
use super::content;
use super::plan::Part;
use super::process::{Node, Putting, Server, get};
use crate::place;
use crate::run::Cmd;
use crate::setup::{self, WASM};
use crate::web;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What is built, with the seconds that it takes on two quiet cores.
const PARTS: &[Part] = &[
    Part {
        name: "two native nodes",
        seconds: 36,
    },
    Part {
        name: "the page",
        seconds: 40,
    },
    Part {
        name: "the tool that makes the page's JavaScript",
        seconds: 24,
    },
    Part {
        name: "the page's JavaScript",
        seconds: 4,
    },
    Part {
        name: "the server",
        seconds: 57,
    },
];

/// Profile of everything that the demo builds.
const QUICK: &[&str] = &["--profile", "quick"];

const EXCHANGE: &[&str] = &["-p", "mydht-exchange"];

/// Without direct connections and without the servers' own connections: they are half of the time.
const SERVER: &[&str] = &[
    "-p",
    "mydht-cli",
    "--no-default-features",
    "--features",
    "server",
];

const PAGE: &[&str] = &["-p", "mydht-web", "--target", WASM];

/// Bytes of the file that the first nodes exchange.
const BYTES: u64 = 3_000_000;

/// Time for exchanging it: nothing here is optimised.
const EXCHANGE_WITHIN: Duration = Duration::from_secs(60);

/// Time for the server to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Builds everything, and runs the server and the node until one of them ends: by Ctrl-C, both hear
/// of it.
pub fn run(target_dir: &Path) -> Result<ExitCode> {
    let mut builds = Builds::new(PARTS);
    let native = |args: &[&str]| Ok(Cmd::cargo(args).env("CARGO_TARGET_DIR", target_dir));
    builds.cargo(native, &[EXCHANGE, QUICK].concat(), EXCHANGE)?;
    let folder = tempfile::Builder::new().prefix("mydht-demo-").tempdir()?;
    let built = target_dir.join("quick");
    let program = |name: &str| {
        let path = built.join(name);
        path.with_extension(std::env::consts::EXE_EXTENSION)
    };
    exchange(&program("mydht-exchange"), folder.path())?;

    let rust = setup::wasm_rust()?;
    let wasm = |args: &[&str]| rust.cargo(target_dir, args);
    builds.cargo(wasm, &[PAGE, QUICK].concat(), PAGE)?;
    let tool = [web::BINDGEN, web::BINDGEN_BUILD].concat();
    builds.cargo(native, &tool, web::BINDGEN)?;
    let wasm = rust.target_dir(target_dir)?.join(WASM).join("quick");
    builds.run(|| web::assemble(target_dir, &wasm))?;
    // Last, because it serves the page only if that was there when it was built.
    builds.cargo(
        native,
        &[SERVER, &["--bin", "mydht"], QUICK].concat(),
        SERVER,
    )?;

    let server = Server::start(&program("mydht"), folder.path())?;
    check_page(&server.url)?;
    let node = Node::start_in_room(&program("mydht"), folder.path(), &server.url)?;
    println!(
        "\nopen {} in two tabs: each is a node, and a file that is dropped into one is got in the other\n\
         the native node is {}; tabs reach it over the server's relay\n\
         Ctrl-C ends it",
        server.url, node.id
    );
    place::open(OsStr::new(&server.url));
    server.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// Fails unless the server has the page: it serves a note where it was built without.
fn check_page(url: &str) -> Result<()> {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).with_context(|| format!("cannot reach {url}"))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if !answer.contains("page.js") {
        bail!("{url} does not serve the page");
    }
    Ok(())
}

/// Lets two nodes exchange a file, each in a process of its own.
fn exchange(program: &Path, folder: &Path) -> Result<()> {
    let (file, copy) = (folder.join("file"), folder.join("copy"));
    content::write_random(&file, BYTES, 1)?;
    println!(
        "two native nodes exchange a file of {} MB:",
        BYTES / 1_000_000
    );
    let putting = Putting::start(program, folder, &file)?;
    println!(
        "  one listens at {} and puts it: its key is {}",
        putting.address, putting.key
    );
    let start = Instant::now();
    get(program, folder, &putting, &copy, EXCHANGE_WITHIN)?;
    let took = start.elapsed();
    if content::hash(&file)? != content::hash(&copy)? {
        bail!("the file came back different");
    }
    println!(
        "  the other got it in {:.1} s, and its bytes are the same\n",
        took.as_secs_f64()
    );
    Ok(())
}
