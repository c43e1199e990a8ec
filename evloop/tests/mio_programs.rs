//! A program that was written for mio 0.6, over the registry's mio 0.6.23 and over this crate.
#![cfg(test)]
#![cfg(unix)]

macro_rules! same_program {
    ($name:ident, $($mio:tt)*) => {
        mod $name {
            use $($mio)* as mio;
            include!("../mio/examples/echo.rs");

            #[test]
            fn an_echo_server() {
                main().unwrap();
            }
        }
    };
}

same_program!(ours, mydht_evloop);
same_program!(registry, ::mio06);
