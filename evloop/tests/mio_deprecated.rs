//! Module `deprecated` of mio: the same bodies over the registry's mio 0.6.23 and over this crate.
#![cfg(test)]
#![cfg(unix)]
#![allow(deprecated)]

macro_rules! same_tests {
    ($name:ident, $($mio:tt)*) => {
        mod $name {
            use $($mio)* as mio;
            use mio::event::Evented;
            use mio::unix::UnixReady;
            use mio::{Events, Poll, PollOpt, Ready, Registration, Token};
            include!("common/mio_deprecated_bodies.rs");
        }
    };
}

same_tests!(ours, mydht_evloop);
same_tests!(registry, ::mio06);
