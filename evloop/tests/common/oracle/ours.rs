//! This crate's epoll.

use super::model::File;
use super::{FILES, KINDS, Op, Oracle, Outcome};
use mydht_evloop::epoll::{Epoll, Event, Flags, Pollable, Source};
use std::time::Duration;

pub struct Ours {
    files: [File; FILES],
    sources: [Source; FILES],
    epolls: [Epoll; 2],
}

impl Ours {
    fn target(&self, file: usize) -> &dyn Pollable {
        match self.sources.get(file) {
            Some(source) => source,
            None => &self.epolls[1],
        }
    }
}

impl Oracle for Ours {
    fn new() -> Self {
        let files = KINDS.map(File::new);
        let sources = std::array::from_fn(|file| {
            let source = Source::new();
            source.update(files[file].ready(), Flags::EMPTY);
            source
        });
        Ours {
            files,
            sources,
            epolls: [Epoll::turns(), Epoll::turns()],
        }
    }

    fn run(&mut self, op: Op) -> Outcome {
        let result = match op {
            Op::Add(epoll, file, flags, data) => {
                self.epolls[epoll].add(self.target(file), Event::new(flags, data))
            }
            Op::Modify(epoll, file, flags, data) => {
                self.epolls[epoll].modify(self.target(file), Event::new(flags, data))
            }
            Op::Delete(epoll, file) => self.epolls[epoll].delete(self.target(file)),
            Op::Wait(epoll, capacity) => {
                let mut events = vec![Event::default(); capacity];
                let count = self.epolls[epoll]
                    .wait(&mut events, Some(Duration::ZERO))
                    .unwrap();
                return Ok(events[..count]
                    .iter()
                    .map(|event| (event.flags.bits(), event.data))
                    .collect());
            }
            Op::Write(file) | Op::Read(file) | Op::Shutdown(file) | Op::Hangup(file) => {
                if let Some(woken) = self.files[file].apply(op) {
                    self.sources[file].update(self.files[file].ready(), woken);
                }
                Ok(())
            }
        };
        result.map(|()| Vec::new()).map_err(|error| error.errno())
    }
}
