//! docs/wire.md is held to what is sent.

use super::*;

#[test]
fn the_page_has_the_messages_and_secrets_of_these_keys() {
    let page = crate::msg::samples::wire_page();
    let mut missing = Vec::new();
    for (a, b) in [(public(1), public(2)), (private(1, 3), private(2, 3))] {
        let (messages, [to_b, to_a]) = exchange_plain(&a, &b);
        let [from_a, from_b] = secrets(&to_b);
        assert_eq!(secrets(&to_a), [from_b.clone(), from_a.clone()]);
        let entries = messages
            .map(hex::encode)
            .into_iter()
            .chain([from_a, from_b]);
        missing.extend(entries.filter(|entry| !page.contains(entry)));
    }
    for entry in [
        id(1).to_string(),
        hex::encode(identity(1).public_key().to_bytes()),
    ] {
        missing.extend((!page.contains(&entry)).then_some(entry));
    }
    assert!(missing.is_empty(), "not in docs/wire.md: {missing:#?}");
}

/// As [`exchange`], over TCP: nothing identifies the channel.
fn exchange_plain(a: &Arc<Credentials>, b: &Arc<Credentials>) -> ([Vec<u8>; 3], [Session; 2]) {
    let channel = Channel {
        binding: Vec::new(),
        ..channel()
    };
    let receive = |side: &mut Handshake, message: &[u8]| {
        side.receive(message, &channel, Duration::ZERO, |_| true)
            .unwrap()
    };
    let (mut initiator, ping) = connect(a);
    let mut responder = accept(b);
    let pong = message(&receive(&mut responder, &ping).send.unwrap());
    let step = receive(&mut initiator, &pong);
    let reply = message(&step.send.unwrap());
    let last = receive(&mut responder, &reply);
    (
        [ping, pong, reply],
        [step.session.unwrap(), last.session.unwrap()],
    )
}
