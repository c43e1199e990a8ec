//! The `mydht` command, as a user runs it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

/// A node in a process of its own; killed if the test ends without stopping it.
struct Node {
    process: Child,
    /// Kept open, or the node could not print.
    _stdout: BufReader<ChildStdout>,
    address: String,
    id: String,
}

impl Node {
    fn start(args: &[&str]) -> Self {
        let mut process = mydht()
            .arg("node")
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let (address, id) = line
            .strip_prefix("listening ")
            .and_then(|rest| rest.trim_end().split_once(" id="))
            .unwrap_or_else(|| panic!("the first line is `{line}`"));
        assert!(address.starts_with("tcp:127.0.0.1:"), "{address}");
        assert_eq!(id.len(), 64);
        Node {
            address: address.to_owned(),
            id: id.to_owned(),
            process,
            _stdout: stdout,
        }
    }

    /// Stops it as a service manager does, and sees that it ends well.
    fn stop(mut self) {
        let pid = self.process.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        assert!(killed.success());
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn mydht() -> Command {
    Command::new(env!("CARGO_BIN_EXE_mydht"))
}

fn run(args: &[&str]) -> Output {
    mydht().args(args).output().unwrap()
}

/// Returns standard output of a command that succeeded.
fn prints(args: &[&str]) -> String {
    let output = run(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mydht {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of its error, if it failed with 1.
fn fails(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(1), "mydht {args:?}");
    assert!(output.stdout.is_empty());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_value_goes_through_three_terminals() {
    let a = Node::start(&[]);
    let b = Node::start(&["--bootstrap", &a.address]);
    let key = prints(&[
        "put",
        "--bootstrap",
        &a.address,
        "--key",
        "greeting",
        "hello",
    ]);
    assert_eq!(key, "greeting\n");
    assert_eq!(
        prints(&["get", "--bootstrap", &b.address, "greeting"]),
        "hello"
    );
    // With and without `tcp:`.
    let short = a.address.strip_prefix("tcp:").unwrap();
    let key = prints(&["put", "--bootstrap", short, "hello"]);
    assert_eq!(
        prints(&["get", "--bootstrap", short, key.trim_end()]),
        "hello"
    );
    b.stop();
    a.stop();
}

/// Returns standard output and standard error.
fn prints_and_says(args: &[&str]) -> (String, String) {
    let output = run(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "mydht {args:?}: {stderr}");
    (String::from_utf8(output.stdout).unwrap(), stderr)
}

#[test]
fn of_what_is_signed_the_signer_puts_a_new_version_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (mine, other, file) = (path("mine"), path("other"), path("file"));
    fs::write(&file, [7; 100_000]).unwrap();
    let a = Node::start(&[]);
    let b = Node::start(&["--bootstrap", &a.address]);
    let put = |identity: &Path, more: &[&str]| {
        let sign = ["--sign", text(identity), "--salt", "status"];
        let args = [&["put", "--bootstrap", &a.address][..], &sign, more].concat();
        prints_and_says(&args)
    };
    let get = |name: &str| prints_and_says(&["get", "--bootstrap", &b.address, name.trim_end()]);
    let (name, said) = put(&mine, &["--expires", "2h", "at home"]);
    let signer = name.trim_end().strip_prefix("signed:").unwrap();
    let signer = signer.strip_suffix("/status").unwrap();
    assert_eq!(said, format!("version 1, signed by {signer}, for 2h\n"));
    assert_eq!(get(&name), ("at home".to_owned(), said));
    let (again, said) = put(&mine, &["away"]);
    assert_eq!(again, name, "one name for all versions");
    assert_eq!(said, format!("version 2, signed by {signer}, for 30d\n"));
    assert_eq!(get(&name), ("away".to_owned(), said));
    // With the same salt another signer has another name.
    let (others, _) = put(&other, &["gone"]);
    assert_ne!(others, name);
    assert_eq!(get(&name).0, "away");
    // A file, of which the next version is made without fetching it.
    put(&mine, &["--file", text(&file)]);
    let out = path("out");
    let args = [
        "get",
        "--bootstrap",
        &b.address,
        name.trim_end(),
        "--out",
        text(&out),
    ];
    let (_, said) = prints_and_says(&args);
    assert!(said.contains("version 3, "), "{said}");
    assert_eq!(fs::read(&out).unwrap(), [7; 100_000]);
    let (_, said) = put(&mine, &["back"]);
    assert!(said.starts_with("version 4, "), "{said}");
    assert_eq!(get(&name).0, "back");
    // The salt of the command line is not longer than a record's may be.
    let long = "x".repeat(65);
    let args = [
        "put",
        "--bootstrap",
        &a.address,
        "--sign",
        text(&mine),
        "--salt",
        &long,
        "x",
    ];
    assert!(fails(&args).contains("64 bytes"));
    b.stop();
    a.stop();
}

#[test]
fn an_unknown_key_is_said_to_be_unknown() {
    let a = Node::start(&[]);
    let error = fails(&["get", "--bootstrap", &a.address, "nothing"]);
    assert!(error.contains("nobody has nothing"), "{error}");
    a.stop();
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let a = Node::start(&[]);
    let missing = dir.path().join("missing");
    let error = fails(&["put", "--bootstrap", &a.address, "--file", text(&missing)]);
    assert!(error.contains(text(&missing)), "{error}");
    let error = fails(&[
        "get",
        "--bootstrap",
        &a.address,
        "x",
        "--out",
        text(dir.path()),
    ]);
    assert!(error.contains("is a folder"), "{error}");
    let error = fails(&["node", "--listen", a.address.as_str()]);
    assert!(error.contains("another port"), "{error}");
    let identity = dir.path().join("identity");
    owners(&identity, "my precious notes");
    let error = fails(&["node", "--identity", text(&identity)]);
    assert!(error.contains("no mydht-identity"), "{error}");
    assert_eq!(fs::read_to_string(&identity).unwrap(), "my precious notes");
    let error = fails(&[
        "put",
        "--bootstrap",
        &a.address,
        "--key",
        &"0".repeat(64),
        "x",
    ]);
    assert!(error.contains("another content"), "{error}");
    let address = a.address.clone();
    a.stop();
    let error = fails(&["get", "--bootstrap", &address, "x"]);
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn an_identity_is_made_once_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let identity = dir.path().join("identity");
    Node::start(&["--identity", text(&identity)]).stop();
    let first = fs::read_to_string(&identity).unwrap();
    Node::start(&["--identity", text(&identity)]).stop();
    assert_eq!(fs::read_to_string(&identity).unwrap(), first);
}

/// Writes a file that nobody else can read.
fn owners(path: &Path, content: &str) {
    use std::io::Write;
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap()).unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file.persist(path).unwrap();
}

#[test]
fn identities_are_shown_made_copied_and_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let (mine, backup, back) = (path("mine"), path("backup"), path("back"));
    let id = prints(&["identity", "new", text(&mine)]);
    assert_eq!(id.trim_end().len(), 64);
    assert_eq!(prints(&["identity", "show", text(&mine)]), id);
    assert_eq!(
        prints(&["identity", "export", text(&mine), text(&backup)]),
        id
    );
    let rotated = prints(&["identity", "rotate", text(&mine)]);
    let new = prints(&["identity", "show", text(&mine)]);
    assert_ne!(new, id);
    assert!(rotated.starts_with(&new) && rotated.contains(id.trim_end()));
    assert_eq!(
        prints(&["identity", "import", text(&backup), text(&back)]),
        id
    );
    prints(&["identity", "new-group", text(&path("group"))]);
    // Nothing is overwritten, and nothing else is an identity.
    for wrong in [
        &["identity", "new", text(&mine)][..],
        &["identity", "import", text(&backup), text(&mine)],
        &["identity", "show", text(&path("group"))],
        &["identity", "show", text(&path("missing"))],
    ] {
        fails(wrong);
    }
    assert_eq!(prints(&["identity", "show", text(&mine)]), new);
    let node = Node::start(&["--identity", text(&mine)]);
    assert_eq!(node.id, new.trim_end());
    node.stop();
}

#[test]
fn a_private_network_is_for_who_has_its_secret() {
    let dir = tempfile::tempdir().unwrap();
    let [group, other] = ["group", "other"].map(|name| dir.path().join(name));
    for secret in [&group, &other] {
        prints(&["identity", "new-group", text(secret)]);
    }
    let member = |secret| ["--mode", "private", "--group-secret-file", secret];
    let a = Node::start(&member(text(&group)));
    let put = ["put", "--bootstrap", &a.address, "--key", "greeting", "hi"];
    let with = |secret| [&put[..], &member(secret)].concat();
    assert_eq!(prints(&with(text(&group))), "greeting\n");
    let get = ["get", "--bootstrap", &a.address, "greeting"];
    let got = prints(&[&get[..], &member(text(&group))].concat());
    assert_eq!(got, "hi");
    let error = fails(&with(text(&other)));
    assert!(error.contains("private network"), "{error}");
    let error = fails(&put);
    assert!(error.contains("--mode"), "{error}");
    let error = fails(&["node", "--group-secret-file", text(&group)]);
    assert!(error.contains("--mode private"), "{error}");
    a.stop();
}

#[test]
fn a_node_takes_whom_its_user_says() {
    let dir = tempfile::tempdir().unwrap();
    let mine = dir.path().join("mine");
    let id = prints(&["identity", "new", text(&mine)]);
    let id = id.trim_end();
    let closed = Node::start(&["--closed", "--prefer", id]);
    let blocking = Node::start(&["--block", id]);
    for (node, takes_mine) in [(&closed, true), (&blocking, false)] {
        let put = ["put", "--bootstrap", &node.address, "--key", "x", "hello"];
        let as_me = [&put[..], &["--identity", text(&mine)]].concat();
        let (taken, refused) = match takes_mine {
            true => (&as_me[..], &put[..]),
            false => (&put[..], &as_me[..]),
        };
        assert_eq!(prints(taken), "x\n");
        let error = fails(refused);
        assert!(error.contains("does not accept"), "{error}");
    }
    blocking.stop();
    closed.stop();
}

#[test]
fn what_a_node_keeps_is_there_after_it_was_stopped_and_after_it_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let content: Vec<u8> = (0..300_000u32).map(|i| (i / 5) as u8).collect();
    fs::write(&path, &content).unwrap();
    let store = dir.path().join("store");
    let node = || Node::start(&["--store", text(&store)]);
    let a = node();
    let key = prints(&["put", "--bootstrap", &a.address, "--file", text(&path)]);
    let (key, out) = (key.trim_end(), dir.path().join("out"));
    a.stop();
    for _ in 0..2 {
        let a = node();
        prints(&["get", "--bootstrap", &a.address, key, "--out", text(&out)]);
        assert!(fs::read(&out).unwrap() == content);
        // Dropped, so killed.
    }
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("mydht-part"))
        .collect();
    assert!(left.is_empty(), "left over: {left:?}");
    // To standard output, which is no terminal here.
    let a = node();
    let output = run(&["get", "--bootstrap", &a.address, key]);
    assert!(output.stdout == content);
    a.stop();
}

#[test]
fn a_get_that_is_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (path, stats) = (dir.path().join("file"), dir.path().join("stats"));
    let content: Vec<u8> = (0..20_000_000u32).map(|i| (i ^ (i >> 9)) as u8).collect();
    fs::write(&path, &content).unwrap();
    let node = Node::start(&[]);
    let key = prints(&["put", "--bootstrap", &node.address, "--file", text(&path)]);
    for attempt in 0.. {
        let out = dir.path().join(format!("out{attempt}"));
        let parts = dir.path().join(format!("out{attempt}.mydht-part"));
        let args = [
            "get",
            "--bootstrap",
            &node.address,
            key.trim_end(),
            "--out",
            text(&out),
        ];
        let mut cut = mydht().args(args).spawn().unwrap();
        let come = || {
            let entries = fs::read_dir(&parts).into_iter().flatten().flatten();
            let files = entries.filter_map(|entry| entry.metadata().ok());
            files.map(|file| file.len()).sum::<u64>()
        };
        while come() < 2_000_000 && cut.try_wait().unwrap().is_none() {}
        let was_cut = cut.try_wait().unwrap().is_none();
        cut.kill().unwrap();
        cut.wait().unwrap();
        if !was_cut || out.exists() {
            assert!(attempt < 20, "it is over before it can be killed");
            continue;
        }
        prints(&[&args[..], &["--stats", text(&stats)]].concat());
        assert!(fs::read(&out).unwrap() == content);
        let stats: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&stats).unwrap()).unwrap();
        let came = stats["bytes_in"].as_u64().unwrap();
        assert!(came < 19_000_000, "{came} bytes came again");
        break;
    }
    node.stop();
}

/// Puts a file of `len` zero bytes into a node and gets it out; gives the most memory that any of
/// the three processes had, in bytes.
fn peak_memory(len: u64) -> u64 {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    File::create(file("in")).unwrap().set_len(len).unwrap();
    let (store, node_stats) = (file("store"), file("node.json"));
    let a = Node::start(&["--store", text(&store), "--stats", text(&node_stats)]);
    let bootstrap = ["--bootstrap", &a.address];
    let stats = [file("put.json"), file("get.json")];
    let (input, out) = (file("in"), file("out"));
    let put = ["put", "--stats", text(&stats[0]), "--file", text(&input)];
    let key = prints(&[&put[..], &bootstrap].concat());
    let get = ["get", "--stats", text(&stats[1]), "--out", text(&out)];
    prints(&[&get[..], &bootstrap, &[key.trim_end()]].concat());
    a.stop();
    assert_eq!(fs::metadata(&out).unwrap().len(), len);
    let zeros = BufReader::new(File::open(&out).unwrap()).bytes();
    assert!(zeros.take(1 << 20).all(|byte| byte.unwrap() == 0));
    let peak = |path: &Path| -> u64 {
        let stats: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        stats["peak_rss_bytes"].as_u64().unwrap()
    };
    let [put, get] = stats;
    [put, get, node_stats]
        .iter()
        .map(|path| peak(path))
        .max()
        .unwrap()
}

/// A gibibyte, whose tree of 16,384 parts is all that may grow: 100 bytes a part.
#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_an_attachment() {
    let small = peak_memory(16 << 20);
    let large = peak_memory(1 << 30);
    let grown = large.saturating_sub(small);
    assert!(grown < 8 << 20, "{small} bytes, then {large}");
}
