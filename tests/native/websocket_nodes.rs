//! Nodes that are reached by WebSocket, and by TCP too.

use std::sync::Arc;
use std::time::Duration;

use crate::ask::Ask;
use mydht::engine::{Command, Event};
use mydht::handshake::Credentials;
use mydht::identity::Identity;
use mydht::msg::Bincode;
use mydht::shadow::Records;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{Components, Node, Record, Runner, SingleThread, Value};
use mydht_evloop::Poll;
use mydht_transports::Transport;
use mydht_transports::either::EitherOf;
use mydht_transports::tcp::Tcp;
use mydht_transports::websocket::WebSocket;

type Both = EitherOf<Tcp, WebSocket>;
type Address = <Both as Transport<Poll>>::Address;
type Conf = SingleThread<Poll, Both, Bincode, Records, MemoryKV, MemoryAttachments>;

fn node(transport: Both, bootstrap: &[Address]) -> Node<Conf> {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let credentials = Credentials::public(Arc::new(Identity::generate().unwrap()));
    let poll = Poll::new().unwrap();
    let parts = Components {
        bootstrap: bootstrap.to_vec(),
        ..Components::new(poll, transport, Bincode, Records, stores, credentials)
    };
    Runner::<Conf>::start(parts).unwrap().0
}

#[test]
fn what_is_put_by_tcp_is_got_by_websocket() {
    let ws = WebSocket::listen(&"ws://127.0.0.1:0/dht".parse().unwrap()).unwrap();
    let by_ws: Address = Transport::<Poll>::local_address(&ws)
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    let tcp = Tcp::listen("tcp:127.0.0.1:0".parse().unwrap()).unwrap();
    let by_tcp: Address = Transport::<Poll>::local_address(&tcp)
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    let only_connects = || EitherOf(Tcp::connect_only(), WebSocket::connect_only());
    let handle = node(EitherOf(tcp, ws), &[]);
    let a = node(only_connects(), &[by_tcp]);
    let b = node(only_connects(), &[by_ws]);
    for node in [&a, &b] {
        let wait = Command::AwaitPeer(Duration::from_secs(20));
        assert!(matches!(
            node.ask(wait, |_, _| ()),
            Ok(Event::Status { .. })
        ));
    }
    let record = Record::by_content(Value::Bytes(vec![7; 100_000]));
    let put = Command::Put {
        record: record.clone(),
        tree: None,
    };
    assert!(matches!(a.ask(put, |_, _| ()), Ok(Event::Stored { .. })));
    let get = Command::Get { key: record.key };
    assert_eq!(b.ask(get, |_, _| ()).unwrap(), Event::Found(record));
    for node in [a, b, handle] {
        node.stop().unwrap();
    }
}
