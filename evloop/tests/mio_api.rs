//! Section G of the specification and mio's socket API: the same bodies over the registry's mio
//! 0.6.23 and over this crate, which has to agree with it in all of them.
#![cfg(test)]
#![cfg(unix)]
#![allow(deprecated)]

macro_rules! same_tests {
    ($name:ident, $($mio:tt)*) => {
        mod $name {
            use $($mio)* as mio;
            use mio::net::{TcpListener, TcpStream, UdpSocket};
            use mio::unix::{EventedFd, UnixReady};
            use mio::{Events, Poll, PollOpt, Ready, Registration, SetReadiness, Token};
            include!("common/mio_bodies.rs");
            include!("common/mio_fd_bodies.rs");
        }
    };
}

same_tests!(ours, mydht_evloop);
same_tests!(registry, ::mio06);
