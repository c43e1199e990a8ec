use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ZERO: Duration = Duration::ZERO;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pair(limits: &SessionLimits) -> (Session, Session) {
    (
        Session::new(Side::A, limits.clone(), ZERO),
        Session::new(Side::B, limits.clone(), ZERO),
    )
}

/// Carries all that one has to say to the other; the number of messages.
fn carry(from: &mut Session, to: &mut Session, now: Duration) -> usize {
    let mut message = Vec::new();
    let mut count = 0;
    while from.transmit(&mut message) {
        assert!((1..=MAX_MESSAGE).contains(&message.len()));
        to.receive(&message, now);
        count += 1;
    }
    count
}

fn settle(a: &mut Session, b: &mut Session, now: Duration) {
    while carry(a, b, now) + carry(b, a, now) > 0 {}
}

fn connected(limits: &SessionLimits) -> (Session, Session, StreamId) {
    let (mut a, mut b) = pair(limits);
    let id = a.open().unwrap();
    settle(&mut a, &mut b, ZERO);
    assert_eq!(b.accept(), Some(id));
    (a, b, id)
}

fn kind(result: io::Result<usize>) -> io::ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn bytes_of_any_length_arrive_as_they_were_written() {
    let mebi5 = 5 << 20;
    for len in [1, 16383, 16384, 16385, 65536, (256 << 10) + 1, mebi5] {
        let (mut a, mut b, id) = connected(&SessionLimits::default());
        let sent: Vec<u8> = (0..len).map(|i: usize| (i * 31 / 7) as u8).collect();
        let (mut written, mut got) = (0, Vec::new());
        let mut buf = vec![0; 50_000];
        while got.len() < len {
            match a.write(id, &sent[written..]) {
                Ok(count) => written += count,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            settle(&mut a, &mut b, ZERO);
            while let Ok(count) = b.read(id, &mut buf) {
                got.extend_from_slice(&buf[..count]);
            }
        }
        assert!(got == sent, "{len} bytes");
        assert!(a.is_flushed(id));
    }
}

#[test]
fn a_slow_reader_stops_its_own_stream_and_no_other() {
    let limits = SessionLimits::default();
    let (mut a, mut b, slow) = connected(&limits);
    let fast = a.open().unwrap();
    let block = [7; 10_000];
    let mut into_slow = 0;
    while let Ok(count) = a.write(slow, &block) {
        into_slow += count;
        settle(&mut a, &mut b, ZERO);
    }
    assert_eq!(into_slow, limits.window as usize + limits.send_buffer);
    let (mut moved, mut buf) = (0, [0; 10_000]);
    while moved < 4 << 20 {
        if a.write(fast, &block).is_err() {
            panic!("blocked after {moved}");
        }
        settle(&mut a, &mut b, ZERO);
        while let Ok(count) = b.read(fast, &mut buf) {
            moved += count;
        }
    }
    assert_eq!(kind(a.write(slow, &block)), io::ErrorKind::WouldBlock);
    while a.take_report().is_some() {}
    // It goes on once its reader reads.
    while b.read(slow, &mut buf).is_ok() {}
    settle(&mut a, &mut b, ZERO);
    assert_eq!(a.take_report(), Some((slow, Ready::Writable)));
}

#[test]
fn streams_take_turns() {
    let (mut a, mut b) = pair(&SessionLimits::default());
    let ids = [a.open().unwrap(), a.open().unwrap(), a.open().unwrap()];
    for id in ids {
        a.write(id, &[0; 100_000]).unwrap();
    }
    let mut order = Vec::new();
    let mut message = Vec::new();
    while order.len() < 9 && a.transmit(&mut message) {
        b.receive(&message, ZERO);
        if let Ok(Frame::Data(id, _)) = Frame::parse(&message) {
            order.push(id);
        }
    }
    let [x, y, z] = ids;
    assert_eq!(order, [x, y, z, x, y, z, x, y, z]);
}

#[test]
fn what_does_not_fill_a_message_waits_where_it_may_and_nothing_else_does() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    let mut message = Vec::new();
    let mut data = |session: &mut Session, even_short: bool| {
        let some = match even_short {
            true => session.transmit(&mut message),
            false => session.transmit_whole(&mut message),
        };
        some.then(|| {
            b.receive(&message, ZERO);
            match Frame::parse(&message) {
                Ok(Frame::Data(_, bytes)) => bytes.len(),
                _ => 0,
            }
        })
    };
    a.write(id, &[7; MAX_FRAGMENT - 1]).unwrap();
    assert_eq!(data(&mut a, false), None);
    // Nor is another stream held back by it: that one is opened.
    a.open().unwrap();
    assert_eq!(data(&mut a, false), Some(0));
    assert_eq!(data(&mut a, false), None);
    a.write(id, &[7; 2]).unwrap();
    assert_eq!(data(&mut a, false), Some(MAX_FRAGMENT));
    assert_eq!(data(&mut a, false), None);
    assert_eq!(data(&mut a, true), Some(1));
    // What ends a stream waits behind its bytes alone.
    a.write(id, &[7; 3]).unwrap();
    a.close_stream(id, ZERO);
    assert_eq!(data(&mut a, false), None);
    assert_eq!(data(&mut a, true), Some(3));
    assert_eq!(data(&mut a, false), Some(0));
}

#[test]
fn users_are_told_once_when_they_waited() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    assert_eq!(b.take_report(), None);
    a.write(id, b"x").unwrap();
    a.write(id, b"y").unwrap();
    settle(&mut a, &mut b, ZERO);
    assert_eq!(b.take_report(), Some((id, Ready::Readable)));
    assert_eq!(b.take_report(), None);
    let mut buf = [0; 8];
    assert_eq!(b.read(id, &mut buf).unwrap(), 2);
    assert_eq!(kind(b.read(id, &mut buf)), io::ErrorKind::WouldBlock);
    a.close_stream(id, ZERO);
    settle(&mut a, &mut b, ZERO);
    assert_eq!(b.take_report().map(|(told, _)| told), Some(id));
    assert_eq!(b.read(id, &mut buf).unwrap(), 0);
    assert_eq!(kind(b.write(id, b"z")), io::ErrorKind::BrokenPipe);
    b.close_stream(id, ZERO);
    settle(&mut a, &mut b, ZERO);
    assert_eq!((a.streams(), b.streams()), (0, 0));
}

#[test]
fn what_was_written_before_a_close_arrives() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    a.write(id, &[1; 70_000]).unwrap();
    a.close_stream(id, ZERO);
    let (mut got, mut buf) = (0, [0; 9_000]);
    loop {
        settle(&mut a, &mut b, ZERO);
        match b.read(id, &mut buf) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
    }
    assert_eq!(got, 70_000);
}

#[test]
fn a_closed_stream_lingers_for_so_long_and_no_longer() {
    let limits = SessionLimits {
        window: FIRST_CREDIT,
        ..SessionLimits::default()
    };
    let (mut a, mut b, id) = connected(&limits);
    a.write(id, &[1; 100_000]).unwrap();
    a.close_stream(id, s(1));
    settle(&mut a, &mut b, s(1));
    assert_eq!(a.streams(), 1);
    b.tick(s(5));
    carry(&mut b, &mut a, s(5));
    a.tick(s(5));
    assert_eq!(a.streams(), 1);
    a.tick(s(6));
    carry(&mut a, &mut b, s(6));
    assert_eq!(a.streams(), 0);
}

#[test]
fn a_silent_peer_is_given_up_and_both_users_hear_of_it() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    for second in 1..=60 {
        for session in [&mut a, &mut b] {
            session.tick(s(second));
        }
        settle(&mut a, &mut b, s(second));
    }
    assert_eq!((a.end(), b.end()), (None, None));
    let since = s(60);
    while a.end().is_none() {
        let next = a.next_deadline().unwrap();
        assert!(next <= since + s(10), "noticed within 10 s");
        a.tick(next);
        carry(
            &mut a,
            &mut Session::new(Side::B, SessionLimits::default(), ZERO),
            next,
        );
    }
    assert_eq!(a.end(), Some(&End::Silent(8)));
    assert_eq!(a.take_report(), Some((id, Ready::Both)));
    assert_eq!(kind(a.read(id, &mut [0; 4])), io::ErrorKind::TimedOut);
    assert_eq!(kind(a.write(id, b"x")), io::ErrorKind::TimedOut);
    assert_eq!(a.next_deadline(), None);
}

#[test]
fn a_goodbye_ends_the_streams_after_what_was_said() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    a.write(id, b"last").unwrap();
    carry(&mut a, &mut b, ZERO);
    a.close(End::Closed("the page is closed".to_owned()));
    assert_eq!(carry(&mut a, &mut b, ZERO), 1);
    let mut buf = [0; 8];
    assert_eq!(b.read(id, &mut buf).unwrap(), 4);
    assert_eq!(b.read(id, &mut buf).unwrap(), 0);
    let error = b.write(id, b"x").unwrap_err();
    assert!(error.to_string().contains("the page is closed"), "{error}");
    assert!(b.open().is_err());
    assert_eq!(kind(a.write(id, b"x")), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_peer_that_breaks_the_protocol_is_told_and_left() {
    let open = [2, 0, 0, 0, 2];
    let mut too_much = vec![3, 0, 0, 0, 2];
    too_much.resize(MAX_MESSAGE, 0);
    let credit = [4, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff];
    let table: [(&str, Vec<&[u8]>); 9] = [
        ("no frame", vec![b"garbage"]),
        ("empty", vec![&[]]),
        ("a stream that nobody opened", vec![&[3, 0, 0, 0, 2, 0]]),
        ("our own next stream", vec![&[3, 0, 0, 0, 1, 0]]),
        ("stream 0", vec![&[5, 0, 0, 0, 0]]),
        ("opened under our number", vec![&[2, 0, 0, 0, 1]]),
        ("opened twice", vec![&open, &open]),
        (
            "more than its credit",
            [&open[..]]
                .into_iter()
                .chain(std::iter::repeat_n(&too_much[..], 5))
                .collect(),
        ),
        ("credit beyond counting", vec![&open, &credit]),
    ];
    for (what, messages) in table {
        let mut a = Session::new(Side::A, SessionLimits::default(), ZERO);
        for message in messages {
            assert_eq!(a.end(), None, "{what}");
            a.receive(message, ZERO);
        }
        assert!(
            matches!(a.end(), Some(End::Violation(_))),
            "{what}: {:?}",
            a.end()
        );
        let mut message = Vec::new();
        assert!(a.transmit(&mut message), "{what}");
        assert!(matches!(Frame::parse(&message), Ok(Frame::Bye(_))));
        assert!(!a.transmit(&mut message));
    }
}

#[test]
fn streams_beyond_the_limit_are_refused_and_a_flood_of_them_is_an_end() {
    let few = SessionLimits {
        streams: 2,
        ..SessionLimits::default()
    };
    let mut a = Session::new(Side::A, SessionLimits::default(), ZERO);
    let mut b = Session::new(Side::B, few, ZERO);
    let ids: Vec<_> = (0..4).map(|_| a.open().unwrap()).collect();
    settle(&mut a, &mut b, ZERO);
    assert_eq!(b.accept(), Some(ids[0]));
    assert_eq!(b.accept(), Some(ids[1]));
    assert_eq!(b.accept(), None);
    assert_eq!(a.read(ids[3], &mut [0]).unwrap(), 0, "refused");
    assert_eq!(kind(a.read(ids[1], &mut [0])), io::ErrorKind::WouldBlock);
    for number in 0..200_u32 {
        let mut open = vec![2];
        open.extend((number * 2 + 101).to_be_bytes());
        b.receive(&open, ZERO);
    }
    assert!(matches!(b.end(), Some(End::Violation(_))));
}

#[test]
fn late_words_about_a_closed_stream_are_no_violation() {
    let (mut a, mut b, id) = connected(&SessionLimits::default());
    b.write(id, &[0; 40_000]).unwrap();
    let mut in_flight = Vec::new();
    let mut message = Vec::new();
    while b.transmit(&mut message) {
        in_flight.push(message.clone());
    }
    a.close_stream(id, ZERO);
    carry(&mut a, &mut b, ZERO);
    for message in in_flight {
        a.receive(&message, ZERO);
    }
    assert_eq!(a.end(), None);
    assert_eq!(a.streams(), 0);
}

/// Step of a test on a pair of sessions.
#[derive(Clone, Debug)]
enum Op {
    Open(bool),
    Write(bool, prop::sample::Index, usize),
    Read(bool, prop::sample::Index, usize),
    Close(bool, prop::sample::Index),
    /// So many messages; `true`: even short ones.
    Carry(bool, usize, bool),
    Tick(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let which = any::<prop::sample::Index>;
    prop_oneof![
        1 => any::<bool>().prop_map(Op::Open),
        6 => (any::<bool>(), which(), 0..200_000_usize).prop_map(|(a, i, n)| Op::Write(a, i, n)),
        6 => (any::<bool>(), which(), 1..200_000_usize).prop_map(|(a, i, n)| Op::Read(a, i, n)),
        1 => (any::<bool>(), which()).prop_map(|(a, i)| Op::Close(a, i)),
        8 => (any::<bool>(), 1..40_usize, any::<bool>()).prop_map(|(a, n, s)| Op::Carry(a, n, s)),
        1 => (0..1500_u64).prop_map(Op::Tick),
    ]
}

/// The byte at a place of a stream, so that any loss or mixture shows.
fn byte(side: bool, id: StreamId, at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 7) as u8 ^ id as u8 ^ if side { 0x55 } else { 0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_is_done_streams_are_prefixes_of_what_was_written(ops in prop::collection::vec(op(), 1..250)) {
        let limits = SessionLimits::default();
        let (a, b) = pair(&limits);
        let mut ends = [a, b];
        let mut ids: Vec<StreamId> = Vec::new();
        let mut written: BTreeMap<(bool, StreamId), usize> = BTreeMap::new();
        let mut read: BTreeMap<(bool, StreamId), usize> = BTreeMap::new();
        let mut now = ZERO;
        let mut message = Vec::new();
        for op in ops {
            match op {
                Op::Open(side) => ids.extend(ends[usize::from(side)].open()),
                Op::Write(side, index, count) if !ids.is_empty() => {
                    let id = *index.get(&ids);
                    let at = written.entry((side, id)).or_default();
                    let bytes: Vec<u8> = (*at..*at + count).map(|at| byte(side, id, at)).collect();
                    if let Ok(count) = ends[usize::from(side)].write(id, &bytes) {
                        *at += count;
                    }
                }
                Op::Read(side, index, count) if !ids.is_empty() => {
                    let id = *index.get(&ids);
                    let mut buf = vec![0; count];
                    if let Ok(count) = ends[usize::from(side)].read(id, &mut buf) {
                        let at = read.entry((side, id)).or_default();
                        for got in &buf[..count] {
                            prop_assert_eq!(*got, byte(!side, id, *at));
                            *at += 1;
                        }
                        prop_assert!(*at <= written.get(&(!side, id)).copied().unwrap_or(0));
                    }
                }
                Op::Close(side, index) if !ids.is_empty() => {
                    ends[usize::from(side)].close_stream(*index.get(&ids), now);
                }
                Op::Carry(side, count, even_short) => {
                    for _ in 0..count {
                        let end = &mut ends[usize::from(side)];
                        let some = match even_short {
                            true => end.transmit(&mut message),
                            false => end.transmit_whole(&mut message),
                        };
                        if !some {
                            break;
                        }
                        ends[usize::from(!side)].receive(&message, now);
                    }
                }
                Op::Tick(milliseconds) => {
                    now += Duration::from_millis(milliseconds);
                    for end in &mut ends {
                        end.tick(now);
                    }
                }
                _ => {}
            }
            for end in &ends {
                // They may give each other up, for nothing was carried; they never accuse each other.
                prop_assert!(matches!(end.end(), None | Some(End::Silent(_))), "{:?}", end.end());
            }
        }
    }

    #[test]
    fn whatever_a_peer_sends_nothing_panics_and_memory_is_bounded(
        messages in prop::collection::vec(
            (0..8_u8, 0..6_u32, prop::collection::vec(any::<u8>(), 0..64)), 0..400)
    ) {
        let limits = SessionLimits::default();
        let mut session = Session::new(Side::A, limits.clone(), ZERO);
        let own = session.open().unwrap();
        let mut message = Vec::new();
        for (kind, id, rest) in messages {
            let mut bytes = vec![kind];
            bytes.extend(id.to_be_bytes());
            bytes.extend(rest);
            session.receive(&bytes, ZERO);
            // Every other one is answered.
            if id % 2 == 0 {
                session.transmit(&mut message);
            }
        }
        prop_assert!(session.streams() <= limits.streams);
        let _ = session.read(own, &mut [0; 16]);
    }
}
