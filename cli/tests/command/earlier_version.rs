//! Identities, secrets and stores that the version before has written: they open, and nothing of
//! them is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/0.1.0");

const ID: &str = "d9cca22d7859e825e2dc1164cd31dec802d1635f685825f6b1b5becc485bce1d";

const FILE: &str = "07876663625233f0fdb11bcd1d90741d6e1809e1f03a7de70fff5046cfa8829b";

fn mydht(args: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_mydht");
    Command::new(program).args(args).output().unwrap()
}

fn out(args: &[&str]) -> String {
    let output = mydht(args);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// Copies a file, readable by its owner alone: git does not keep that.
fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).unwrap();
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_dir(&entry.path(), &to),
            false => copy(&entry.path(), &to),
        }
    }
}

#[test]
fn an_identity_and_its_export_are_the_same_node() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["me.key", "exported.key"] {
        let path = dir.path().join(name);
        copy(&Path::new(DATA).join(name), &path);
        let before = fs::read(&path).unwrap();
        let shown = out(&["identity", "show", path.to_str().unwrap()]);
        assert_eq!(shown.trim(), ID);
        assert_eq!(fs::read(&path).unwrap(), before);
    }
    let [exported, imported] = ["exported.key", "imported.key"].map(|name| dir.path().join(name));
    let paths = [&exported, &imported].map(|path| path.to_str().unwrap());
    assert_eq!(out(&["identity", "import", paths[0], paths[1]]).trim(), ID);
}

#[test]
fn a_store_opens_and_all_that_it_holds_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    copy_dir(&Path::new(DATA).join("store"), &store);
    let store = store.to_str().unwrap();
    let listed = out(&["store", "list", "--store", store]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(
        listed.contains(&format!("{FILE}\twhole\t70000\tfile.txt")),
        "{listed}"
    );
    let verified = out(&["store", "verify", "--store", store]);
    assert_eq!(verified, "3 right, 0 wrong\n");
    let value = out(&["store", "export", "--store", store, "greeting"]);
    assert_eq!(value.trim_end(), "hello");
    let file = out(&["store", "export", "--store", store, FILE]);
    assert_eq!(file.trim_end().len(), 70_000);
}

#[test]
fn a_node_of_this_version_serves_the_store_as_the_same_node() {
    use mydht::handshake::Credentials;
    use mydht::identity::{GroupSecret, Identity, load};
    use mydht::native::Config;

    let dir = tempfile::tempdir().unwrap();
    let [key, group, store] = ["me.key", "group.secret", "store"].map(|name| dir.path().join(name));
    copy(&Path::new(DATA).join("me.key"), &key);
    copy(&Path::new(DATA).join("group.secret"), &group);
    copy_dir(&Path::new(DATA).join("store"), &store);
    load::<GroupSecret>(&group).unwrap();
    let identity = load::<Identity>(&key).unwrap();
    let signer = hex::encode(identity.public_key().to_bytes());
    let config = Config {
        credentials: Some(Credentials::public(identity.into())),
        ..Config::listen("127.0.0.1:0".parse().unwrap())
    };
    let node = config.store(&store).start().unwrap();
    assert_eq!(node.id().to_string(), ID);
    let at = node.address().unwrap().to_string();
    let get = |key: &str| out(&["get", "--bootstrap", &at, key]);
    assert_eq!(get("greeting").trim_end(), "hello");
    assert_eq!(
        get(&format!("signed:{signer}/status")).trim_end(),
        "signed hello"
    );
    assert_eq!(get(FILE).trim_end().len(), 70_000);
    node.stop().unwrap();
}
