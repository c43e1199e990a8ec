//! Two users that know only each other's id exchange an offer and an answer through a server, in
//! one process.
//!
//! Prints:
//!
//! ```text
//! [..] hears: my addresses
//! [..] hears: and mine
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use mydht_rendezvous::{
    Action, Client, Event, Frame, Kind, Limits, Nonce, Output, PublicKey, Server, Time, UserId,
};

/// A user's id is its key here. A node's is a hash of it.
fn id_of(key: &PublicKey) -> Option<UserId> {
    Some(UserId(key.0))
}

fn client(seed: u8) -> Result<Client, Box<dyn Error>> {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let servers = vec!["ws://127.0.0.1:8080".parse()?];
    Ok(Client::new(Box::new(key), id_of, servers, seed.into()))
}

/// Carries what each side wants sent to the other, until nothing is left. Connection `n` is client
/// `n`'s.
fn settle(server: &mut Server, clients: &mut [Client], time: Time) {
    let mut quiet = false;
    while !quiet {
        quiet = true;
        for (n, client) in clients.iter_mut().enumerate() {
            client.tick(time);
            while let Some(action) = client.action() {
                quiet = false;
                match action {
                    Action::Open(_) => {
                        let (from, local) = ([127, 0, 0, 1].into(), "127.0.0.1:8080".to_owned());
                        // A real server takes a nonce from the system's random source.
                        let nonce = Nonce([n as u8; 32]);
                        server.opened(time.now, n as u64, from, local, nonce);
                        client.opened(time);
                    }
                    Action::Text(text) => server.text(time.now, n as u64, &text),
                    Action::Binary(bytes) => server.binary(time.now, n as u64, &bytes),
                    Action::Close => server.closed(n as u64),
                }
            }
        }
        while let Some(output) = server.output() {
            quiet = false;
            match output {
                Output::Send(to, Frame::Text(text)) => clients[to as usize].text(time, &text),
                Output::Send(to, Frame::Binary(bytes)) => clients[to as usize].binary(time, &bytes),
                Output::Close(to, _, why) => clients[to as usize].closed(time, &why),
                // Flow control, and what several servers say to each other.
                _ => {}
            }
        }
    }
}

/// Returns the next thing that a user said to this client.
fn heard(client: &mut Client) -> Option<(UserId, Kind, String)> {
    std::iter::from_fn(|| client.event()).find_map(|event| match event {
        Event::Signal(from, kind, body) => Some((from, kind, body)),
        _ => None,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let time = Time {
        now: Duration::from_secs(1),
        unix_ms: 1_700_000_000_000,
    };
    let mut server = Server::new([], Limits::default(), id_of);
    let mut clients = [client(1)?, client(2)?];
    settle(&mut server, &mut clients, time);

    let [alice, bob] = clients.each_ref().map(Client::user);
    let offer = "my addresses".to_owned();
    clients[0]
        .signal(time, bob, Kind::Offer, offer)
        .map_err(|_| "not online")?;
    settle(&mut server, &mut clients, time);
    let (from, kind, body) = heard(&mut clients[1]).ok_or("nothing arrived")?;
    assert_eq!((from, kind), (alice, Kind::Offer));
    println!("{bob} hears: {body}");

    let answer = "and mine".to_owned();
    clients[1]
        .signal(time, from, Kind::Answer, answer)
        .map_err(|_| "not online")?;
    settle(&mut server, &mut clients, time);
    let (from, _, body) = heard(&mut clients[0]).ok_or("nothing arrived")?;
    assert_eq!(from, bob);
    println!("{alice} hears: {body}");
    Ok(())
}
