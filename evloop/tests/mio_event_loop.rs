//! mio's module `deprecated`: the same bodies over the registry's mio 0.6.23 and over this crate.
#![cfg(test)]
#![cfg(all(unix, feature = "with-deprecated"))]
#![allow(deprecated)]

macro_rules! same_tests {
    ($name:ident, $($mio:tt)*) => {
        mod $name {
            use $($mio)* as mio;
            use mio::deprecated::*;
            use mio::{Events, Poll, PollOpt, Ready, Token};
            include!("common/mio_event_loop_bodies.rs");
        }
    };
}

same_tests!(ours, mydht_evloop);
same_tests!(registry, ::mio06);
