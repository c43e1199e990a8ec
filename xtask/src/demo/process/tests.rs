use super::super::tests::{STATS, program};
use super::*;

#[test]
fn a_node_says_where_it_listens() {
    assert_eq!(
        listening("listening tcp:127.0.0.1:4711 id=0aF9\n"),
        Some(("tcp:127.0.0.1:4711".into(), "0aF9".into()))
    );
    assert_eq!(
        listening("listening tcp:[::1]:4711 id=00 more"),
        Some(("tcp:[::1]:4711".into(), "00".into()))
    );
}

#[test]
fn any_other_line_is_no_address() {
    for line in [
        "",
        "listening",
        "listening tcp:127.0.0.1:4711",
        "listening 127.0.0.1:4711 id=00",
        "listening tcp:127.0.0.1:0 id=00",
        "listening tcp:127.0.0.1:70000 id=00",
        "listening tcp:127.0.0.1 id=00",
        "listening tcp:127.0.0.1:4711 id=",
        "listening tcp:127.0.0.1:4711 id=xyz",
        "error tcp:127.0.0.1:4711 id=00",
    ] {
        assert_eq!(listening(line), None, "{line}");
    }
}

#[test]
fn the_key_is_the_first_line_with_something_on_it() {
    assert_eq!(first_line("\n abc \nmore\n"), Some("abc"));
    assert_eq!(first_line(" \n"), None);
}

#[test]
fn the_tail_is_the_last_lines() {
    assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
    assert_eq!(last_lines("a", 2), "a");
    assert_eq!(last_lines("", 2), "");
}

#[test]
fn the_first_line_comes_within_the_limit_or_not_at_all() {
    let second = Duration::from_secs(60);
    assert_eq!(
        first_line_within(&b"one\ntwo\n"[..], second).unwrap(),
        "one\n"
    );
    assert!(first_line_within(std::io::empty(), second).is_err());
    // A pipe whose other end stays open and silent.
    let (reader, writer) = std::io::pipe().unwrap();
    assert!(first_line_within(reader, Duration::from_millis(1)).is_err());
    drop(writer);
}

#[test]
fn a_node_that_stops_by_itself_leaves_its_statistics() {
    let dir = tempfile::tempdir().unwrap();
    let body = format!(
        "trap 'echo '\"'\"'{STATS}'\"'\"' > \"$stats\"; kill $child; exit 0' TERM\n\
         sleep 600 & child=$!\n\
         echo listening tcp:127.0.0.1:1 id=ab\n\
         wait"
    );
    let program = program(dir.path(), &body);
    let node = Node::start(&program, dir.path(), 1, None).unwrap();
    assert_eq!(
        (node.address.as_str(), node.id.as_str()),
        ("tcp:127.0.0.1:1", "ab")
    );
    let (stats, _) = node.stop().unwrap();
    assert_eq!(stats.bytes_in, 5);
}

#[test]
fn a_node_that_dies_of_the_signal_did_not_stop_gracefully() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(
        dir.path(),
        "echo listening tcp:127.0.0.1:1 id=ab\nexec sleep 600",
    );
    let node = Node::start(&program, dir.path(), 1, None).unwrap();
    let error = node.stop().unwrap_err();
    assert!(error.to_string().contains("gracefully"), "{error}");
}

#[test]
fn a_node_that_fails_is_told_with_its_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "echo address in use >&2\nexit 1");
    let Err(error) = Node::start(&program, dir.path(), 2, Some("tcp:127.0.0.1:1")) else {
        panic!("it started");
    };
    let error = format!("{error:#}");
    assert!(
        error.contains("node 2") && error.contains("address in use"),
        "{error}"
    );
}

#[test]
fn a_program_gives_what_it_printed() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(
        dir.path(),
        &format!("echo '{STATS}' > \"$stats\"\necho key"),
    );
    let ended = Program::new(&program, dir.path(), "put")
        .arg("--file")
        .arg("x")
        .run(Duration::from_secs(60))
        .unwrap();
    assert_eq!(ended.stdout, "key\n");
    assert_eq!(Stats::read(&ended.stats).unwrap().restarts, 2);
}

#[test]
fn a_program_past_its_limit_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "exec sleep 600");
    let Err(error) = Program::new(&program, dir.path(), "get").run(Duration::from_millis(1)) else {
        panic!("it ended");
    };
    assert!(error.to_string().contains("had not ended"), "{error}");
}

#[test]
fn a_program_that_fails_is_told_with_its_standard_error() {
    let dir = tempfile::tempdir().unwrap();
    let program = program(dir.path(), "echo no such key >&2\nexit 3");
    let Err(error) = Program::new(&program, dir.path(), "get").run(Duration::from_secs(60)) else {
        panic!("it succeeded");
    };
    assert!(error.to_string().contains("no such key"), "{error}");
}
