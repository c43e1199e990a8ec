//! Linux.

use super::{FILES, KINDS, Kind, Op, Oracle, Outcome};
use mydht_evloop::epoll::Flags;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

struct File {
    kind: Kind,
    watched: OwnedFd,
    /// `None`: closed, or an eventfd, which is its own other end.
    other: Option<OwnedFd>,
    shut: bool,
}

impl File {
    fn new(kind: Kind) -> File {
        let (watched, other) = match kind {
            Kind::Eventfd => (eventfd(0, EventfdFlags::NONBLOCK).unwrap(), None),
            Kind::Pipe => {
                let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).unwrap();
                (reader, Some(writer))
            }
            Kind::Socket => {
                let flags = SocketFlags::NONBLOCK;
                let (one, two) =
                    socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
                (one, Some(two))
            }
        };
        File {
            kind,
            watched,
            other,
            shut: false,
        }
    }

    fn apply(&mut self, op: Op) {
        match (op, self.kind) {
            (Op::Write(_), Kind::Eventfd) => {
                rustix::io::write(&self.watched, &1u64.to_ne_bytes()).unwrap();
            }
            (Op::Write(_), _) if !self.shut => {
                if let Some(other) = &self.other {
                    rustix::io::write(other, b"x").unwrap();
                }
            }
            (Op::Read(_), Kind::Eventfd) => {
                let _ = rustix::io::read(&self.watched, &mut [0u8; 8]);
            }
            (Op::Read(_), _) => {
                let _ = rustix::io::read(&self.watched, &mut [0u8; 1]);
            }
            // A second time would wake once more.
            (Op::Shutdown(_), Kind::Socket) if !self.shut => {
                if let Some(other) = &self.other {
                    shutdown(other, Shutdown::Write).unwrap();
                    self.shut = true;
                }
            }
            (Op::Hangup(_), _) => self.other = None,
            _ => {}
        }
    }
}

pub struct Kernel {
    files: [File; FILES],
    epolls: [OwnedFd; 2],
}

impl Kernel {
    fn fd(&self, file: usize) -> BorrowedFd<'_> {
        match self.files.get(file) {
            Some(file) => file.watched.as_fd(),
            None => self.epolls[1].as_fd(),
        }
    }
}

fn interest(flags: Flags) -> EventFlags {
    EventFlags::from_bits_retain(flags.bits())
}

impl Oracle for Kernel {
    fn new() -> Self {
        Kernel {
            files: KINDS.map(File::new),
            epolls: std::array::from_fn(|_| epoll::create(epoll::CreateFlags::CLOEXEC).unwrap()),
        }
    }

    fn run(&mut self, op: Op) -> Outcome {
        let result = match op {
            Op::Add(epoll, file, flags, data) => epoll::add(
                &self.epolls[epoll],
                self.fd(file),
                EventData::new_u64(data as u64),
                interest(flags),
            ),
            Op::Modify(epoll, file, flags, data) => epoll::modify(
                &self.epolls[epoll],
                self.fd(file),
                EventData::new_u64(data as u64),
                interest(flags),
            ),
            Op::Delete(epoll, file) => epoll::delete(&self.epolls[epoll], self.fd(file)),
            Op::Wait(epoll, capacity) => {
                let mut events = Vec::with_capacity(capacity);
                epoll::wait(
                    &self.epolls[epoll],
                    spare_capacity(&mut events),
                    Some(&Timespec::default()),
                )
                .unwrap();
                return Ok(events
                    .iter()
                    .map(|event| {
                        // Packed: no references to its fields.
                        let (flags, data) = (event.flags, event.data);
                        (flags.bits(), data.u64() as usize)
                    })
                    .collect());
            }
            Op::Write(file) | Op::Read(file) | Op::Shutdown(file) | Op::Hangup(file) => {
                self.files[file].apply(op);
                Ok(())
            }
        };
        result
            .map(|()| Vec::new())
            .map_err(|error| error.raw_os_error())
    }
}
