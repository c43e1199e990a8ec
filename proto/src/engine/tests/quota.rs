//! Quotas of peers and signers, and the fate of those who misbehave.

use super::*;
use crate::identity::Identity;
use crate::limits::{SizeLimits, StorageLimits};

fn stores(bench: &mut Bench, conn: ConnId, record: Record) -> Result<(), String> {
    bench.hears(conn, ProtoMessage::Store { query: 4, record });
    let refused = bench.refusals();
    bench.sent.clear();
    refused.into_iter().try_for_each(|(.., why)| Err(why))
}

fn signed(signer: u8, salt: u8, sequence: u64) -> Record {
    let signer = Identity::from_seed(&[signer; 32]);
    let value = Value::Bytes(vec![0; 10]);
    Record::signed(&signer, &[salt], sequence, u64::MAX, value)
}

#[test]
fn a_peer_puts_so_much_in_a_day_and_others_are_not_in_its_way() {
    let limits = Limits {
        storage: StorageLimits {
            records_per_peer: 2,
            bytes_per_peer: 100,
            ..StorageLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(2, limits);
    assert_eq!(stores(&mut bench, 1, value(b"a")), Ok(()));
    let why = stores(&mut bench, 1, value(&[0; 100])).unwrap_err();
    assert!(why.contains("bytes_per_peer"), "{why}");
    assert_eq!(stores(&mut bench, 1, value(b"b")), Ok(()));
    let why = stores(&mut bench, 1, value(b"c")).unwrap_err();
    assert!(why.contains("records_per_peer"), "{why}");
    assert_eq!(stores(&mut bench, 1, value(b"a")), Ok(()), "republished");
    assert_eq!(stores(&mut bench, 2, value(b"c")), Ok(()), "another peer");
    assert_eq!(bench.engine.take_counts().over_quota, 2);
    bench.passes(Duration::from_secs(24 * 3600));
    bench.sent.clear();
    assert_eq!(stores(&mut bench, 1, value(b"d")), Ok(()), "another day");
}

#[test]
fn a_signer_has_so_much_here_whoever_puts_it() {
    let limits = Limits {
        storage: StorageLimits {
            records_per_signer: 2,
            ..StorageLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(3, limits);
    assert_eq!(stores(&mut bench, 1, signed(1, 1, 1)), Ok(()));
    assert_eq!(stores(&mut bench, 2, signed(1, 2, 1)), Ok(()));
    let why = stores(&mut bench, 3, signed(1, 3, 1)).unwrap_err();
    assert!(why.contains("records_per_signer"), "{why}");
    assert_eq!(
        stores(&mut bench, 3, signed(1, 1, 2)),
        Ok(()),
        "a new version"
    );
    assert_eq!(
        stores(&mut bench, 3, signed(2, 3, 1)),
        Ok(()),
        "another signer"
    );
}

#[test]
fn what_is_refused_for_its_signer_does_not_count_against_who_brought_it() {
    let limits = Limits {
        storage: StorageLimits {
            records_per_signer: 1,
            records_per_peer: 2,
            ..StorageLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    assert_eq!(stores(&mut bench, 1, signed(1, 1, 1)), Ok(()));
    let why = stores(&mut bench, 1, signed(1, 2, 1)).unwrap_err();
    assert!(why.contains("records_per_signer"), "{why}");
    assert_eq!(stores(&mut bench, 1, value(b"a")), Ok(()));
}

/// An attachment that would be over a quota is not fetched at all.
#[test]
fn an_attachment_counts_with_all_its_bytes_before_it_is_fetched() {
    let sample = Sample::parts(2);
    let limits = Limits {
        storage: StorageLimits {
            bytes_per_peer: sample.id().len - 1,
            ..StorageLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    let why = stores(&mut bench, 1, sample.record()).unwrap_err();
    assert!(why.contains("bytes_per_peer"), "{why}");
    assert!(bench.fetches().is_empty());
}

#[test]
fn who_puts_forged_records_is_refused_noted_and_let_go() {
    let mut bench = Bench::with_peers(2);
    let mut forged = signed(1, 1, 1);
    forged.value = Value::Bytes(b"other".to_vec());
    for time in 1..=3 {
        assert!(bench.closed.is_empty());
        assert!(stores(&mut bench, 1, forged.clone()).is_err());
        assert_eq!(bench.engine.take_counts().records_forged, 1, "time {time}");
    }
    assert_eq!(bench.closed.len(), 1);
    assert!(bench.store.records.is_empty());
}

/// A record that is too large for this node is no lie, and an old one may be all that its sender
/// knows.
#[test]
fn who_takes_more_than_this_node_or_knows_less_is_no_liar() {
    let limits = Limits {
        sizes: SizeLimits {
            value_bytes: 20,
            ..SizeLimits::default()
        },
        ..Limits::default()
    };
    let mut bench = Bench::limited(1, limits);
    assert_eq!(stores(&mut bench, 1, signed(1, 1, 2)), Ok(()));
    for _ in 0..5 {
        assert!(stores(&mut bench, 1, value(&[0; 21])).is_err());
        assert!(stores(&mut bench, 1, signed(1, 1, 1)).is_err());
    }
    assert!(bench.closed.is_empty());
    let counts = bench.engine.take_counts();
    assert_eq!((counts.records_forged, counts.records_stale), (0, 5));
}
