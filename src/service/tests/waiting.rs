//! `RESTARTABLE = false`: the spawner waits inside a service, and nothing is kept for a restart.

use std::io::{Read, Write};

use mydht_spawner::channel::{LocalRcChannel, NoSend};
use mydht_spawner::{Blocker, SpawnChannel, SpawnSend, Spawner};
use mydht_transports::Stream;
use mydht_transports::memory::{Faults, Memory};

use super::{Heard, TestCipher, expected, keys, outgoing, pair, plain, write_all};
use crate::conf::Threads;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::msg::Bincode;
use crate::service::{ReadService, WriteIn, WriteService};
use crate::shadow::Cipher;
use crate::store::{MemoryAttachments, MemoryKV};

/// One whose services are not restartable.
type Waiting = Threads<
    mydht_evloop::Poll,
    Memory<mydht_evloop::Poll>,
    Bincode,
    TestCipher,
    MemoryKV,
    MemoryAttachments,
>;

fn spawner() -> Blocker<fn()> {
    Blocker::with_wait(std::thread::yield_now)
}

#[test]
fn a_service_that_waits_writes_and_reads_the_same_bytes() {
    let limits = Limits::default();
    let (wire, _) = write_all::<Bincode, TestCipher>(&TestCipher, &Faults::none());
    for faults in [Faults::none(), Faults::block_every_call(3)] {
        let [near, far] = pair(&faults);
        let (mut send, recv) = LocalRcChannel::unbounded().new_channel().unwrap();
        send.send(WriteIn::Keys(keys(Cipher::None))).unwrap();
        for (message, part) in outgoing() {
            send.send(WriteIn::Message(message.into(), part.map(Into::into)))
                .unwrap();
        }
        drop(send);
        let writing = Metrics::default();
        let service = WriteService::<Waiting>::new(
            near.write_stream(),
            TestCipher,
            Bincode,
            &limits,
            writing.clone(),
        );
        spawner().spawn(service, NoSend, None, recv, 0).unwrap();
        let mut written = Vec::new();
        let mut reader = far.read_stream();
        while written.len() < wire.len() {
            let mut byte = [0];
            if reader.read(&mut byte).is_ok() {
                written.push(byte[0]);
            }
        }
        assert!(written == wire);
        assert_eq!(writing.snapshot().restarts, 0);

        let [near, far] = pair(&faults);
        let mut writer = near.write_stream();
        let mut rest = &wire[..];
        while !rest.is_empty() {
            if let Ok(count) = writer.write(rest) {
                rest = &rest[count..];
            }
        }
        near.disconnect();
        let (heard, reading) = (Heard::default(), Metrics::default());
        let service = ReadService::<Waiting>::new(
            far.read_stream(),
            TestCipher,
            Bincode,
            &limits,
            reading.clone(),
        );
        let all = outgoing().len();
        spawner()
            .spawn(service, heard.clone(), None, plain(), all)
            .unwrap();
        assert_eq!(*heard.0.lock().unwrap(), expected());
        assert_eq!(reading.snapshot().restarts, 0);
        assert_eq!(reading.snapshot().bytes_replayed, 0);
    }
}
