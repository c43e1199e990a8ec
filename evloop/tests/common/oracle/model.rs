//! The reference: epoll as one would explain it, with vectors and linear searches.

use super::{FILES, KINDS, Kind, Op, Oracle, Outcome};
use mydht_evloop::epoll::Flags;

/// State of a file: the same for the model and for ours.
#[derive(Clone, Copy, Debug)]
pub struct File {
    kind: Kind,
    bytes: usize,
    shut: bool,
    gone: bool,
}

impl File {
    pub fn new(kind: Kind) -> File {
        File {
            kind,
            bytes: 0,
            shut: false,
            gone: false,
        }
    }

    pub fn ready(&self) -> Flags {
        let mut ready = Flags::EMPTY;
        if self.bytes > 0 {
            ready |= Flags::IN;
        }
        if self.kind != Kind::Pipe {
            ready |= Flags::OUT;
        }
        if self.kind == Kind::Socket && (self.shut || self.gone) {
            ready |= Flags::IN | Flags::RDHUP;
        }
        if self.gone {
            ready |= Flags::HUP;
        }
        ready
    }

    /// Applies an operation; gives whom it wakes, if it does anything.
    pub fn apply(&mut self, op: Op) -> Option<Flags> {
        match op {
            Op::Write(_) if !self.shut && !self.gone => {
                self.bytes += 1;
                // A socket's data is announced as urgent too.
                Some(match self.kind {
                    Kind::Socket => Flags::IN | Flags::PRI,
                    _ => Flags::IN,
                })
            }
            Op::Read(_) if self.bytes > 0 => {
                self.bytes = if self.kind == Kind::Eventfd {
                    0
                } else {
                    self.bytes - 1
                };
                Some(match self.kind {
                    Kind::Eventfd => Flags::OUT,
                    _ => Flags::EMPTY,
                })
            }
            Op::Shutdown(_) if self.kind == Kind::Socket && !self.shut && !self.gone => {
                self.shut = true;
                Some(Flags::READINESS)
            }
            Op::Hangup(_) if self.kind != Kind::Eventfd && !self.gone => {
                self.gone = true;
                Some(Flags::READINESS)
            }
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Entry {
    file: usize,
    flags: Flags,
    data: usize,
    armed: bool,
    /// Newer entries of a file are woken first.
    added: usize,
}

#[derive(Debug, Default)]
struct Epoll {
    entries: Vec<Entry>,
    /// The files of the entries on the ready list, in order.
    ready: Vec<usize>,
}

pub struct Model {
    files: [File; FILES],
    epolls: [Epoll; 2],
    adds: usize,
}

impl Model {
    /// Returns what an entry would report.
    fn effective(&self, epoll: usize, file: usize) -> Flags {
        let Some(entry) = self.epolls[epoll].entries.iter().find(|e| e.file == file) else {
            return Flags::EMPTY;
        };
        if !entry.armed {
            return Flags::EMPTY;
        }
        let state = if file < FILES {
            self.files[file].ready()
        } else if self.really_ready(1) {
            Flags::IN
        } else {
            Flags::EMPTY
        };
        state & (entry.flags | Flags::ERR | Flags::HUP)
    }

    fn really_ready(&self, epoll: usize) -> bool {
        let list = &self.epolls[epoll].ready;
        list.iter()
            .any(|file| !self.effective(epoll, *file).is_empty())
    }

    fn link(&mut self, epoll: usize, file: usize) {
        if !self.epolls[epoll].ready.contains(&file) {
            self.epolls[epoll].ready.push(file);
        }
        if epoll == 1 {
            self.wake(FILES, Flags::IN);
        }
    }

    fn wake(&mut self, file: usize, woken: Flags) {
        let mut hits = Vec::new();
        for (number, epoll) in self.epolls.iter().enumerate() {
            for entry in epoll.entries.iter().filter(|entry| entry.file == file) {
                let watched = entry.flags | Flags::ERR | Flags::HUP;
                if entry.armed && watched.intersects(woken) {
                    hits.push((entry.added, number));
                }
            }
        }
        hits.sort_unstable();
        for (_, epoll) in hits.into_iter().rev() {
            self.link(epoll, file);
        }
    }

    fn set(&mut self, epoll: usize, file: usize, flags: Flags, data: usize) {
        self.adds += 1;
        let entries = &mut self.epolls[epoll].entries;
        let old = entries.iter().position(|entry| entry.file == file);
        let added = old.map_or(self.adds, |old| entries.remove(old).added);
        entries.push(Entry {
            file,
            flags,
            data,
            armed: true,
            added,
        });
        if !self.effective(epoll, file).is_empty() {
            self.link(epoll, file);
        }
    }

    fn wait(&mut self, epoll: usize, capacity: usize) -> Vec<(u32, usize)> {
        let mut events = Vec::new();
        for _ in 0..self.epolls[epoll].ready.len() {
            if events.len() == capacity {
                break;
            }
            let file = self.epolls[epoll].ready.remove(0);
            let ready = self.effective(epoll, file);
            let this = &mut self.epolls[epoll];
            let Some(entry) = this.entries.iter_mut().find(|e| e.file == file) else {
                continue;
            };
            if ready.is_empty() {
                continue;
            }
            events.push((ready.bits(), entry.data));
            if entry.flags.contains(Flags::ONESHOT) {
                entry.armed = false;
            } else if !entry.flags.contains(Flags::ET) {
                this.ready.push(file);
            }
        }
        events
    }
}

impl Oracle for Model {
    fn new() -> Self {
        Model {
            files: KINDS.map(File::new),
            epolls: Default::default(),
            adds: 0,
        }
    }

    fn run(&mut self, op: Op) -> Outcome {
        let known = |model: &Model, epoll: usize, file| {
            model.epolls[epoll].entries.iter().any(|e| e.file == file)
        };
        match op {
            Op::Add(epoll, file, flags, data) => {
                if known(self, epoll, file) {
                    return Err(17);
                }
                self.set(epoll, file, flags, data);
            }
            Op::Modify(epoll, file, flags, data) => {
                if !known(self, epoll, file) {
                    return Err(2);
                }
                self.set(epoll, file, flags, data);
            }
            Op::Delete(epoll, file) => {
                if !known(self, epoll, file) {
                    return Err(2);
                }
                self.epolls[epoll].entries.retain(|e| e.file != file);
                self.epolls[epoll].ready.retain(|other| *other != file);
            }
            Op::Wait(epoll, capacity) => return Ok(self.wait(epoll, capacity)),
            Op::Write(file) | Op::Read(file) | Op::Shutdown(file) | Op::Hangup(file) => {
                if let Some(woken) = self.files[file].apply(op) {
                    self.wake(file, woken);
                }
            }
        }
        Ok(Vec::new())
    }
}
