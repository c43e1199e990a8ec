//! `mydht store`, as a user runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use mydht::native::{Config, NativeNode};

fn store(args: &[&str], dir: &Path) -> Output {
    let (sub, rest) = args.split_first().unwrap();
    Command::new(env!("CARGO_BIN_EXE_mydht"))
        .args(["store", sub, "--store"])
        .arg(dir)
        .args(rest)
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(err.starts_with("mydht: "), "{err}");
    err
}

#[test]
fn a_file_goes_in_is_served_is_checked_and_comes_out() {
    let dir = tempfile::tempdir().unwrap();
    let (file, at) = (dir.path().join("file.bin"), dir.path().join("store"));
    let content: Vec<u8> = (0..300_000u32).map(|i| (i / 3) as u8).collect();
    fs::write(&file, &content).unwrap();
    let path = file.to_str().unwrap();

    let key = out(&store(&["import", path], &at));
    let key = key.trim();
    assert_eq!(
        out(&store(&["import", path, "--key", "a name"], &at))
            .lines()
            .count(),
        1
    );
    let listed = out(&store(&["list"], &at));
    assert_eq!(listed.lines().count(), 2);
    let line = format!("{key}\twhole\t300000\tfile.bin");
    assert!(listed.lines().any(|listed| listed == line), "{listed}");
    let inspected = out(&store(&["inspect", "a name"], &at));
    assert!(inspected.contains("300000 of 300000 bytes"), "{inspected}");
    let size = out(&store(&["size"], &at));
    assert!(size.contains("files    1, 300000 bytes"), "{size}");
    assert_eq!(out(&store(&["verify"], &at)), "2 right, 0 wrong\n");

    // A node serves what was imported, and nobody else can have the store meanwhile.
    let node = Config::default().store(&at).start().unwrap();
    assert!(
        node.get_record(&key.parse().unwrap())
            .wait()
            .unwrap()
            .is_some()
    );
    let value = node.put(b"a value").wait().unwrap().key;
    let busy = refused(&store(&["list"], &at));
    assert!(busy.contains("open in another node"), "{busy}");
    node.stop().unwrap();
    let exported = store(&["export", &value.to_string()], &at);
    assert_eq!(out(&exported), "a value");

    let copy = dir.path().join("copy");
    out(&store(
        &["export", key, "--out", copy.to_str().unwrap()],
        &at,
    ));
    assert_eq!(fs::read(&copy).unwrap(), content);
    let again = refused(&store(
        &["export", key, "--out", copy.to_str().unwrap()],
        &at,
    ));
    assert!(again.contains("copy"), "{again}");
}

#[test]
fn a_file_that_stays_where_it_is_is_served_from_there() {
    let dir = tempfile::tempdir().unwrap();
    let (file, at) = (dir.path().join("film"), dir.path().join("store"));
    let content: Vec<u8> = (0..300_000u32).map(|i| (i / 3) as u8).collect();
    fs::write(&file, &content).unwrap();
    let key = out(&store(
        &["import", "--in-place", file.to_str().unwrap()],
        &at,
    ));
    let key = key.trim();
    assert!(
        !at.join("attachments").join(key).exists(),
        "nothing is copied"
    );
    let inspected = out(&store(&["inspect", key], &at));
    let real = file.canonicalize().unwrap();
    assert!(inspected.contains(real.to_str().unwrap()), "{inspected}");
    let node = Config::listen("127.0.0.1:0".parse().unwrap());
    let node = node.store(&at).start().unwrap();
    let other = Config::default().bootstrap(node.address().unwrap());
    let other = other.store(dir.path().join("other")).start().unwrap();
    other.await_peer(Duration::from_secs(10)).wait().unwrap();
    assert!(
        other
            .get_record(&key.parse().unwrap())
            .wait()
            .unwrap()
            .is_some()
    );
    other.stop().unwrap();
    node.stop().unwrap();
    let copy = dir.path().join("other/attachments").join(key);
    assert_eq!(fs::read(copy).unwrap(), content);
    fs::remove_file(&file).unwrap();
    let gone = refused(&store(&["verify"], &at));
    assert!(gone.contains("not here"), "{gone}");
}

#[test]
fn damage_is_found_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (file, at) = (dir.path().join("file.bin"), dir.path().join("store"));
    fs::write(&file, [7; 200_000]).unwrap();
    let key = out(&store(&["import", file.to_str().unwrap()], &at));
    let kept = at.join("attachments").join(key.trim());
    let mut damaged = fs::read(&kept).unwrap();
    damaged[100_000] ^= 1;
    fs::write(&kept, damaged).unwrap();
    let verified = store(&["verify"], &at);
    assert!(refused(&verified).contains("damaged at part 1"));
    assert_eq!(
        String::from_utf8_lossy(&verified.stdout),
        "0 right, 1 wrong\n"
    );
    assert!(refused(&store(&["export", key.trim()], &at)).contains("damaged"));
}

#[test]
fn a_folder_without_a_store_and_a_key_that_is_not_there_are_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = refused(&store(&["list"], &dir.path().join("nowhere")));
    assert!(missing.contains("there is no store in"), "{missing}");
    assert!(
        !dir.path().join("nowhere").exists(),
        "looking makes nothing"
    );
    let file = dir.path().join("f");
    fs::write(&file, "x").unwrap();
    let at = dir.path().join("store");
    out(&store(&["import", file.to_str().unwrap()], &at));
    let unknown = refused(&store(&["inspect", "unknown"], &at));
    assert!(unknown.contains("not in this store"), "{unknown}");
}

#[test]
fn a_node_puts_what_a_name_names_and_nothing_outside() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    fs::create_dir(&files).unwrap();
    fs::write(files.join("a"), "content").unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let node = Config {
        files: Some(files),
        store: Some(dir.path().join("store")),
        ..Config::default()
    };
    let node = node.start().unwrap();
    let put = |node: &NativeNode, name: &str| node.put_named(None, &name.parse().unwrap()).wait();
    let key = put(&node, "file:a").unwrap().key;
    assert!(node.get_record(&key).wait().unwrap().is_some());
    assert!(
        put(&node, "file:../secret")
            .unwrap_err()
            .to_string()
            .contains("leads out")
    );
    let hash = key.to_string();
    // It is served from where it is: the store has no copy.
    let error = put(&node, &format!("store:{hash}-7")).unwrap_err();
    assert!(
        error.to_string().contains("not in this node's store"),
        "{error}"
    );
    node.stop().unwrap();
    let path = dir.path().join("secret");
    let imported = out(&store(
        &["import", path.to_str().unwrap()],
        &dir.path().join("store"),
    ));
    let node = Config::default()
        .store(dir.path().join("store"))
        .start()
        .unwrap();
    let name = format!("store:{}-6", imported.trim());
    assert_eq!(put(&node, &name).unwrap().key.to_string(), imported.trim());
    assert!(put(&node, "file:a").is_err());
    node.stop().unwrap();
}
