//! Attacks on a stream of records.

use super::*;
use proptest::prelude::*;

const PARTS: [&[u8]; 3] = [b"first", b"second record", b"3"];

/// The plain bytes of the first `records` records.
fn plain(records: usize) -> Vec<u8> {
    PARTS
        .iter()
        .take(records)
        .copied()
        .flatten()
        .copied()
        .collect()
}

/// Reads a changed stream: exactly the first `records` records come out, then an error, and nothing
/// ever after.
#[track_caller]
fn refused(cipher: Cipher, wire: &[u8], records: usize) {
    let mut layer = reader(cipher);
    let mut source = wire;
    let (given, error) = read_all(&mut layer, &mut source);
    assert_eq!(given, plain(records));
    let error = error.expect("an error");
    assert!(matches!(
        error,
        ErrorKind::InvalidData | ErrorKind::UnexpectedEof
    ));
    if error == ErrorKind::InvalidData {
        let (more, _) = stream(cipher, &PARTS);
        assert_eq!(read_all(&mut layer, &more[..]), (vec![], Some(error)));
    }
}

#[test]
fn every_changed_bit_is_noticed_before_the_record_is_given_out() {
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &PARTS);
        for bit in 0..wire.len() * 8 {
            let mut changed = wire.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let records = borders.iter().filter(|border| **border <= bit / 8).count() - 1;
            refused(cipher, &changed, records);
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &PARTS);
        for cut in 0..wire.len() {
            let records = borders.iter().filter(|border| **border <= cut).count() - 1;
            refused(cipher, &wire[..cut], records);
        }
    }
}

#[test]
fn records_that_were_left_out_repeated_or_moved_are_refused() {
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &PARTS);
        let record = |number: usize| &wire[borders[number]..borders[number + 1]];
        for (order, good) in [
            (&[1, 2, 3][..], 0),
            (&[0, 2, 3], 1),
            (&[0, 0, 1, 2, 3], 1),
            (&[1, 0, 2, 3], 0),
            (&[0, 2, 1, 3], 1),
            (&[0, 1, 3], 2),
            (&[3], 0),
            (&[0, 1, 2, 0], 3),
        ] {
            let order: Vec<u8> = order.iter().copied().flat_map(record).copied().collect();
            refused(cipher, &order, good);
        }
    }
}

#[test]
fn records_of_another_secret_or_cipher_are_refused() {
    for cipher in CIPHERS {
        let (wire, _) = stream(cipher, &PARTS);
        let mut other = RecordR::new(cipher, Secret::new([8; 32])).unwrap();
        let refused = (vec![], Some(ErrorKind::InvalidData));
        assert_eq!(read_all(&mut other, &wire[..]), refused);
        let [a, b] = CIPHERS;
        let (given, error) = read_all(&mut reader(if cipher == a { b } else { a }), &wire[..]);
        assert!(given.is_empty() && error.is_some());
    }
}

#[test]
fn a_plain_byte_waits_for_the_last_byte_of_its_tag() {
    for cipher in CIPHERS {
        let (wire, borders) = stream(cipher, &PARTS);
        let mut layer = reader(cipher);
        let mut source = Choppy::every(&wire[..], 1);
        let mut buf = [0; 100];
        for byte in 1..borders[1] {
            let error = layer.read_from(&mut source, &mut buf).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            assert_eq!(source.inner().len(), wire.len() - byte);
        }
        assert_eq!(
            layer.read_from(&mut source, &mut buf).unwrap(),
            PARTS[0].len()
        );
        assert_eq!(buf, {
            let mut first = [0; 100];
            first[..PARTS[0].len()].copy_from_slice(PARTS[0]);
            first
        });
    }
}

#[test]
fn lengths_are_bounded_before_memory_is() {
    for cipher in CIPHERS {
        for header in [
            [1, 0, 0],
            [1, 1, 0x40],
            [1, 255, 255],
            [2, 1, 0],
            [0, 1, 0],
            [3, 1, 0],
        ] {
            let (given, error) = read_all(&mut reader(cipher), &header[..]);
            assert_eq!((given, error), (vec![], Some(ErrorKind::InvalidData)));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_are_records(cipher in 0..2usize, bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (given, error) = read_all(&mut reader(CIPHERS[cipher]), &bytes[..]);
        prop_assert!(given.is_empty() && error.is_some());
    }

    /// Whatever is done to a session of many records at one place: what comes out is a beginning of
    /// what was written.
    #[test]
    fn a_changed_session_gives_out_a_beginning(
        cipher in 0..2usize,
        lengths in prop::collection::vec(1..300usize, 1..8),
        at in any::<prop::sample::Index>(),
        removed in 0..50usize,
        added in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let cipher = CIPHERS[cipher];
        let parts: Vec<Vec<u8>> = lengths.iter().map(|len| content(*len)).collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let (wire, _) = stream(cipher, &parts);
        let written = parts.concat();
        let at = at.index(wire.len());
        let mut changed = wire.clone();
        changed.splice(at..(at + removed).min(wire.len()), added);
        let (given, error) = read_all(&mut reader(cipher), &changed[..]);
        prop_assert!(written.starts_with(&given));
        // Whole only if nothing was changed up to the end record's last byte.
        prop_assert_eq!(error.is_none(), changed.starts_with(&wire));
    }
}
