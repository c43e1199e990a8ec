//! Non-blocking sockets.

mod address;
pub(crate) mod registered;
mod tcp_listener;
mod tcp_stream;
mod udp;

#[cfg(all(feature = "with-deprecated", unix))]
pub(crate) use registered::Registered;
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp::UdpSocket;

/// `Evented` and the descriptor traits for a socket with a field `socket: Registered<$inner>`.
macro_rules! evented_socket {
    ($type:ty, $inner:ty) => {
        impl crate::event::Evented for $type {
            fn register(
                &self,
                poll: &crate::Poll,
                token: crate::Token,
                interest: crate::Ready,
                opts: crate::PollOpt,
            ) -> std::io::Result<()> {
                let source = crate::net::registered::raw(&*self.socket);
                let binding = &self.socket.guard.binding;
                binding.register(poll, source, token, interest, opts)
            }

            fn reregister(
                &self,
                poll: &crate::Poll,
                token: crate::Token,
                interest: crate::Ready,
                opts: crate::PollOpt,
            ) -> std::io::Result<()> {
                let source = crate::net::registered::raw(&*self.socket);
                poll.shared().os_reregister(source, token, interest, opts)
            }

            fn deregister(&self, poll: &crate::Poll) -> std::io::Result<()> {
                poll.shared()
                    .os_deregister(crate::net::registered::raw(&*self.socket))
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.socket.socket.fmt(f)
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.socket.as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::IntoRawFd for $type {
            /// Gives the descriptor away; a registration stays until the descriptor is closed.
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                self.socket.into_inner().into_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::FromRawFd for $type {
            /// Takes a descriptor over. It must not block already.
            ///
            /// # Safety
            /// As for the standard library's type: the descriptor is open, of the right kind, and
            /// nobody else's.
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: the caller's.
                let socket = unsafe { <$inner as std::os::fd::FromRawFd>::from_raw_fd(fd) };
                Self {
                    socket: crate::net::registered::Registered::new(socket),
                }
            }
        }
    };
}
pub(crate) use evented_socket;
