//! Provider records: announced to others and asked of them.

use super::*;
use crate::limits::ProviderLimits;

/// Whoever stays so long says what it has.
const SOON: Duration = Duration::from_secs(30);

fn provided(bench: &mut Bench) -> Vec<(ConnId, QueryId, Hash)> {
    bench.pick(|conn, message| match message {
        ProtoMessage::Provide { query, hash } => Some((conn, *query, *hash)),
        _ => None,
    })
}

/// Returns the providers that the peer that asks learns of.
fn told(bench: &mut Bench, asker: ConnId, target: Hash) -> Vec<Contact> {
    bench.hears(asker, ProtoMessage::FindProviders { query: 7, target });
    let mut answers = bench.pick(|conn, message| match message {
        ProtoMessage::Providers {
            query: 7,
            providers,
            ..
        } if conn == asker => Some(providers.clone()),
        _ => None,
    });
    answers.remove(0)
}

/// A peer says that it has an attachment: true if it is to be told to others.
fn says(bench: &mut Bench, conn: ConnId, hash: Hash) -> bool {
    bench.hears(conn, ProtoMessage::Provide { query: 8, hash });
    let stored = bench.pick(|_, message| match message {
        ProtoMessage::Stored { query: 8 } => Some(()),
        _ => None,
    });
    let refused = bench.refusals();
    assert_eq!(stored.len() + refused.len(), 1);
    !stored.is_empty()
}

#[test]
fn what_was_put_is_said_to_be_here_once_the_node_has_stayed_and_again_each_hour() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(3);
    bench.ask(sample.put());
    let stores = bench.stores();
    for (conn, query) in stores {
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    bench.last_events();
    bench.sent.clear();
    bench.quiet = false;
    bench.passes(SOON - Duration::from_millis(1));
    assert!(bench.find_nodes().is_empty());
    bench.passes(Duration::from_millis(1));
    for (conn, query, target) in bench.find_nodes() {
        assert_eq!(target, sample.id().hash);
        bench.hears_nodes(conn, query, &[]);
    }
    let said = provided(&mut bench);
    assert_eq!(said.len(), 3);
    for (conn, query, hash) in said {
        assert_eq!(hash, sample.id().hash);
        bench.hears(conn, ProtoMessage::Stored { query });
    }
    bench.passes(Duration::from_secs(3600 + 3600 / 8));
    loop {
        let asked = bench.find_nodes();
        if asked.is_empty() {
            break;
        }
        for (conn, query, _) in asked {
            bench.hears_nodes(conn, query, &[]);
        }
    }
    assert_eq!(provided(&mut bench).len(), 3);
}

#[test]
fn a_peer_speaks_for_itself_and_only_where_it_can_be_found() {
    let mut bench = Bench::with_peers(2);
    let hash = Hash::of(b"x");
    assert!(!says(&mut bench, 1, hash), "nobody could be sent to it");
    bench.reachable(1);
    assert!(says(&mut bench, 1, hash));
    assert_eq!(told(&mut bench, 2, hash), [contact(1)]);
    assert_eq!(told(&mut bench, 1, hash), [], "it knows");
    assert_eq!(told(&mut bench, 2, Hash::of(b"y")), []);
    bench.passes(Limits::default().providers.provider_expiry);
    assert_eq!(told(&mut bench, 2, hash), [], "void");
}

#[test]
fn what_is_said_is_bounded_by_attachment_by_peer_and_in_all() {
    let limits = Limits {
        providers: ProviderLimits {
            providers_per_attachment: 2,
            provider_records: 6,
            provider_records_per_peer: 3,
            ..ProviderLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(6, limits);
    (1..=6).for_each(|conn| bench.reachable(conn));
    let hash = Hash::of(b"x");
    let taken = (1..=3).map(|conn| says(&mut bench, conn, hash));
    assert_eq!(taken.collect::<Vec<_>>(), [true, true, false]);
    assert!(says(&mut bench, 1, hash), "it says so again");
    let other = |number: u8| Hash::of(&[number]);
    let taken = (0..3).map(|number| says(&mut bench, 1, other(number)));
    assert_eq!(taken.collect::<Vec<_>>(), [true, true, false]);
    // In all: what is nearer to this node stays.
    for conn in 2..=6 {
        says(&mut bench, conn, other(conn as u8 + 10));
    }
    assert!(says(&mut bench, 6, OWN.0), "nearer than all others");
    assert_eq!(told(&mut bench, 5, OWN.0), [contact(6)]);
    assert!(bench.engine.provider_records.held() <= 6);
    let mut far = OWN.0;
    far.0.iter_mut().for_each(|byte| *byte ^= 0xff);
    assert!(!says(&mut bench, 5, far), "farther than all others");
}

#[test]
fn a_download_that_nobody_is_left_for_goes_on_with_those_who_are_named() {
    let sample = Sample::parts(3);
    let mut bench = Bench::with_peers(2);
    let ticket = bench.get_from_peer(&sample);
    assert_eq!(bench.fetches().len(), 3);
    bench.quiet = false;
    bench.down(1);
    let asked = bench.finds_providers();
    assert_eq!(asked.len(), 1);
    assert!(bench.last_events().is_empty());
    // It hears of a provider that is not there, and of one that has it.
    bench.hears_providers(2, asked[0].1, &[77, 9]);
    let dialed: Vec<_> = bench.dialed.drain(..).map(|(_, to)| to).collect();
    assert_eq!(dialed.len(), 2);
    bench.handle(Input::Unreachable(peer_id(77)));
    bench.quiet = true;
    bench.up(9);
    let fetches = bench.fetches();
    assert_eq!(fetches.len(), 3);
    for (conn, query, part) in fetches {
        assert_eq!(conn, 9);
        bench.hears_part(conn, query, &sample, part);
    }
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
    assert_eq!(
        bench.store.content(&sample.id()),
        Some(sample.content.clone())
    );
}

#[test]
fn a_large_attachment_streams_from_several_that_have_it() {
    let sample = Sample::parts(40);
    let mut bench = Bench::with_peers(2);
    bench.quiet = false;
    let ticket = bench.get_from_peer(&sample);
    // Both are asked while the first parts are on their way.
    let asked = bench.finds_providers();
    assert!(!asked.is_empty());
    let mut fetches = bench.fetches();
    assert!(fetches.iter().all(|(conn, ..)| *conn == 1));
    for (conn, query) in asked {
        bench.hears_providers(conn, query, &[8, 9]);
    }
    bench.dialed.clear();
    bench.quiet = true;
    bench.up(8);
    bench.up(9);
    let mut given: HashMap<ConnId, usize> = HashMap::new();
    while !fetches.is_empty() {
        for (conn, query, part) in fetches {
            *given.entry(conn).or_default() += 1;
            bench.hears_part(conn, query, &sample, part);
        }
        fetches = bench.fetches();
    }
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
    assert_eq!(given.values().sum::<usize>(), 40, "nothing twice");
    assert!([1, 8, 9].iter().all(|conn| given[conn] > 3), "{given:?}");
}

/// Whoever is asked names many, and none of them has it: a few are tried, and the download has its
/// end.
#[test]
fn liars_cost_a_few_connections() {
    let sample = Sample::parts(2);
    let mut bench = Bench::with_peers(2);
    bench.get_from_peer(&sample);
    bench.quiet = false;
    bench.down(1);
    let many: Vec<ConnId> = (100..150).collect();
    for (conn, query) in bench.finds_providers() {
        bench.hears_providers(conn, query, &many);
    }
    let dialed = std::mem::take(&mut bench.dialed);
    assert_eq!(dialed.len(), 4);
    for (id, _) in dialed {
        bench.handle(Input::Unreachable(id));
    }
    assert!(bench.failure().contains("get it again to resume"));
}

#[test]
fn what_nobody_near_its_key_has_is_had_from_who_provides_it() {
    let sample = Sample::parts(1);
    let mut bench = Bench::with_peers(1);
    bench.quiet = false;
    let ticket = bench.get(sample.record().key);
    for (conn, query, _) in bench.finds() {
        let nodes = Vec::new();
        bench.hears(conn, ProtoMessage::NotFound { query, nodes });
    }
    let asked = bench.finds_providers();
    assert_eq!(asked.len(), 1);
    bench.hears_providers(1, asked[0].1, &[5]);
    bench.dialed.clear();
    bench.quiet = true;
    bench.up(5);
    for (conn, query, hops) in bench.finds() {
        assert_eq!((conn, hops), (5, 0));
        let record = sample.record();
        bench.hears(conn, ProtoMessage::Found { query, record });
    }
    bench.serve(&sample);
    assert_eq!(
        bench.last_events(),
        [(ticket, Event::Found(sample.record()))]
    );
}
