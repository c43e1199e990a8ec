//! Unix sockets and pipes.

use super::non_block::{TryAccept, non_block};
use crate::net::{Registered, evented_socket};
use rustix::net as sys;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
pub use std::net::Shutdown;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process;

/// A socket that is neither connected nor listening.
pub struct UnixSocket {
    socket: Registered<Socket>,
}

/// A connection.
pub struct UnixStream {
    socket: Registered<Socket>,
}

/// A socket that listens.
pub struct UnixListener {
    socket: Registered<Socket>,
}

/// A descriptor that reads and writes.
pub struct Io {
    socket: Registered<File>,
}

/// The reading end of a pipe.
pub struct PipeReader {
    socket: Registered<File>,
}

/// The writing end of a pipe.
pub struct PipeWriter {
    socket: Registered<File>,
}

evented_socket!(UnixSocket, Socket);
evented_socket!(UnixStream, Socket);
evented_socket!(UnixListener, Socket);
evented_socket!(Io, File);
evented_socket!(PipeReader, File);
evented_socket!(PipeWriter, File);

macro_rules! cloned {
    ($($type:ident),*) => {$(
        impl $type {
            /// Duplicates the handle.
            ///
            /// # Errors
            /// When there are no more descriptors.
            pub fn try_clone(&self) -> io::Result<$type> {
                let clone = self.socket.try_clone()?;
                Ok($type {
                    socket: self.socket.duplicate(clone),
                })
            }
        }
    )*};
}

cloned!(UnixSocket, UnixStream, UnixListener, Io);

macro_rules! reads {
    ($($type:ident),*) => {$(
        impl Read for $type {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&self.socket.socket).read(buf)
            }
        }

        impl Read for &$type {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                (&self.socket.socket).read(buf)
            }
        }
    )*};
}

macro_rules! writes {
    ($($type:ident),*) => {$(
        impl Write for $type {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&self.socket.socket).write(buf)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&self.socket.socket).flush()
            }
        }

        impl Write for &$type {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                (&self.socket.socket).write(buf)
            }

            fn flush(&mut self) -> io::Result<()> {
                (&self.socket.socket).flush()
            }
        }
    )*};
}

reads!(UnixStream, Io, PipeReader);
writes!(UnixStream, Io, PipeWriter);

impl UnixSocket {
    /// Makes a stream socket that does not block.
    ///
    /// # Errors
    /// When there are no more descriptors.
    pub fn stream() -> io::Result<UnixSocket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        Ok(UnixSocket {
            socket: Registered::new(socket),
        })
    }

    /// Connects. The second value is false while the connection is pending.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn connect<P>(self, addr: &P) -> io::Result<(UnixStream, bool)>
    where
        P: AsRef<Path> + ?Sized,
    {
        let done = non_block(self.socket.connect(&SockAddr::unix(addr)?))?.is_some();
        let UnixSocket { socket } = self;
        Ok((UnixStream { socket }, done))
    }

    /// Binds the socket to a path.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn bind<P: AsRef<Path> + ?Sized>(&self, addr: &P) -> io::Result<()> {
        self.socket.bind(&SockAddr::unix(addr)?)
    }

    /// Starts to listen.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn listen(self, backlog: usize) -> io::Result<UnixListener> {
        self.socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        let UnixSocket { socket } = self;
        Ok(UnixListener { socket })
    }
}

impl UnixStream {
    /// Connects.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn connect<P: AsRef<Path> + ?Sized>(path: &P) -> io::Result<UnixStream> {
        Ok(UnixSocket::stream()?.connect(path)?.0)
    }

    /// Shuts one direction down, or both. Returns 0.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<usize> {
        self.socket.shutdown(how).map(|()| 0)
    }

    /// Reads, and receives a descriptor that was sent along.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn read_recv_fd(&mut self, buf: &mut [u8]) -> io::Result<(usize, Option<RawFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = sys::RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(buf)];
        let flags = sys::RecvFlags::empty();
        let received = sys::recvmsg(&self.socket.socket, &mut parts, &mut control, flags)?;
        let mut descriptor = None;
        for message in control.drain() {
            if let sys::RecvAncillaryMessage::ScmRights(mut list) = message {
                // There is room for one; others would be closed here.
                descriptor = list.next();
            }
        }
        Ok((received.bytes, descriptor.map(OwnedFd::into_raw_fd)))
    }

    /// As [`read_recv_fd`](UnixStream::read_recv_fd), or `None`.
    ///
    /// # Errors
    /// As that, but for `WouldBlock`.
    pub fn try_read_recv_fd(
        &mut self,
        buf: &mut [u8],
    ) -> io::Result<Option<(usize, Option<RawFd>)>> {
        non_block(self.read_recv_fd(buf))
    }

    /// Writes, and sends a duplicate of `fd` along.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn write_send_fd(&mut self, buf: &[u8], fd: RawFd) -> io::Result<usize> {
        if fd == -1 {
            // No `BorrowedFd` may be that.
            return Err(rustix::io::Errno::BADF.into());
        }
        // SAFETY: borrowed for this call only; a descriptor that is not open is an error of the system call.
        let fd = [unsafe { BorrowedFd::borrow_raw(fd) }];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = sys::SendAncillaryBuffer::new(&mut space);
        control.push(sys::SendAncillaryMessage::ScmRights(&fd));
        let parts = [IoSlice::new(buf)];
        let flags = sys::SendFlags::empty();
        Ok(sys::sendmsg(
            &self.socket.socket,
            &parts,
            &mut control,
            flags,
        )?)
    }

    /// As [`write_send_fd`](UnixStream::write_send_fd), or `None`.
    ///
    /// # Errors
    /// As that, but for `WouldBlock`.
    pub fn try_write_send_fd(&mut self, buf: &[u8], fd: RawFd) -> io::Result<Option<usize>> {
        non_block(self.write_send_fd(buf, fd))
    }
}

impl UnixListener {
    /// Binds a socket to a path and listens there.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn bind<P: AsRef<Path> + ?Sized>(addr: &P) -> io::Result<UnixListener> {
        let socket = UnixSocket::stream()?;
        socket.bind(addr)?;
        socket.listen(256)
    }

    /// Accepts a connection.
    ///
    /// # Errors
    /// `WouldBlock` if there is none.
    pub fn accept(&self) -> io::Result<UnixStream> {
        let (socket, _) = self.socket.accept()?;
        // accept(2): on Linux the new socket does not inherit `O_NONBLOCK`.
        socket.set_nonblocking(true)?;
        Ok(UnixStream {
            socket: Registered::new(socket),
        })
    }
}

impl TryAccept for UnixListener {
    type Output = UnixStream;

    fn accept(&self) -> io::Result<Option<UnixStream>> {
        non_block(UnixListener::accept(self))
    }
}

/// Makes a pipe whose ends do not block.
///
/// # Errors
/// When there are no more descriptors.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        PipeReader {
            socket: non_blocking(reader)?,
        },
        PipeWriter {
            socket: non_blocking(writer)?,
        },
    ))
}

fn non_blocking(end: impl Into<OwnedFd>) -> io::Result<Registered<File>> {
    let end = end.into();
    rustix::io::ioctl_fionbio(&end, true)?;
    Ok(Registered::new(File::from(end)))
}

impl PipeReader {
    /// Wraps the standard output of a child process.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn from_stdout(stdout: process::ChildStdout) -> io::Result<Self> {
        let socket = non_blocking(stdout)?;
        Ok(PipeReader { socket })
    }

    /// Wraps the standard error of a child process.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn from_stderr(stderr: process::ChildStderr) -> io::Result<Self> {
        let socket = non_blocking(stderr)?;
        Ok(PipeReader { socket })
    }
}

impl PipeWriter {
    /// Wraps the standard input of a child process.
    ///
    /// # Errors
    /// Errors of the operating system.
    pub fn from_stdin(stdin: process::ChildStdin) -> io::Result<Self> {
        let socket = non_blocking(stdin)?;
        Ok(PipeWriter { socket })
    }
}

impl From<Io> for PipeReader {
    fn from(io: Io) -> PipeReader {
        PipeReader { socket: io.socket }
    }
}

impl From<Io> for PipeWriter {
    fn from(io: Io) -> PipeWriter {
        PipeWriter { socket: io.socket }
    }
}
