//! Any number of transports of one kind as one: a node that listens at several addresses, or has a
//! transport only where it is asked for.

use std::io;

use mydht_evloop::traits::{Poll, Ready, Registerable, Token};

use crate::Transport;

/// All of them, under one token. The first opens the connections; of none, nothing is accepted and
/// nobody is reached.
///
/// ```
/// use mydht_evloop::Poll;
/// use mydht_transports::Transport;
/// use mydht_transports::many::Many;
/// # #[cfg(not(target_arch = "wasm32"))] {
/// use mydht_transports::tcp::Tcp;
///
/// let two = Many(vec![
///     Tcp::listen("tcp:127.0.0.1:0".parse()?)?,
///     Tcp::listen("tcp:127.0.0.1:0".parse()?)?,
/// ]);
/// assert_eq!(Transport::<Poll>::local_addresses(&two).len(), 2);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Many(Vec::new())
    }
}

impl<T> From<Option<T>> for Many<T> {
    fn from(one: Option<T>) -> Self {
        Many(one.into_iter().collect())
    }
}

impl<P: Poll, T: Registerable<P>> Registerable<P> for Many<T> {
    fn register(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let mut any = false;
        for one in &self.0 {
            any |= one.register(poll, token, interest)?;
        }
        Ok(any)
    }

    fn reregister(&self, poll: &P, token: Token, interest: Ready) -> io::Result<bool> {
        let mut any = false;
        for one in &self.0 {
            any |= one.reregister(poll, token, interest)?;
        }
        Ok(any)
    }

    fn deregister(&self, poll: &P) -> io::Result<()> {
        self.0.iter().try_for_each(|one| one.deregister(poll))
    }
}

impl<P: Poll, T: Transport<P>> Transport<P> for Many<T> {
    type Address = T::Address;
    type Stream = T::Stream;

    fn host(address: &T::Address) -> String {
        T::host(address)
    }

    fn rank(address: &T::Address) -> u8 {
        T::rank(address)
    }

    fn local_address(&self) -> Option<T::Address> {
        self.0.iter().find_map(T::local_address)
    }

    fn local_addresses(&self) -> Vec<T::Address> {
        self.0.iter().flat_map(T::local_addresses).collect()
    }

    fn address_of(&self, claimed: T::Address, observed: &T::Address) -> T::Address {
        // All are of one kind, so any of them can tell.
        match self.0.first() {
            Some(first) => first.address_of(claimed, observed),
            None => claimed,
        }
    }

    fn accept(&mut self) -> io::Result<(T::Stream, T::Address)> {
        let mut failed = None;
        for one in &mut self.0 {
            match one.accept() {
                Ok(accepted) => return Ok(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The others go on.
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| io::ErrorKind::WouldBlock.into()))
    }

    fn connect_with(&mut self, address: &T::Address) -> io::Result<T::Stream> {
        match self.0.first_mut() {
            Some(first) => first.connect_with(address),
            None => {
                let why = format!("cannot connect to {address}: this node has no such transport");
                Err(io::Error::new(io::ErrorKind::Unsupported, why))
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use super::*;
    use crate::memory::Network;
    use mydht_evloop::traits::{self, Events};
    use mydht_evloop::{LoopEvents, Poll};
    use std::time::Duration;

    #[test]
    fn what_comes_to_any_of_them_is_accepted() {
        let network = Network::<Poll>::new();
        let mut many = Many(vec![network.endpoint(), network.endpoint()]);
        let poll = Poll::new().unwrap();
        many.register(&poll, 7, Ready::Readable).unwrap();
        let addresses = many.local_addresses();
        assert_eq!(addresses.len(), 2);
        let mut client = network.endpoint();
        for address in addresses.iter().rev() {
            let _stream = client.connect_with(address).unwrap();
            let mut events = LoopEvents::with_capacity(4);
            traits::Poll::poll(&poll, &mut events, Some(Duration::from_secs(10))).unwrap();
            assert_eq!(events.next().map(|event| event.token), Some(7));
            assert_eq!(many.accept().unwrap().1, client.address());
            let none = many.accept().err().unwrap();
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
        }
    }

    #[test]
    fn of_none_nobody_is_reached() {
        let mut none = Many::<crate::tcp::Tcp>::default();
        let address = "tcp:127.0.0.1:1".parse().unwrap();
        let error = Transport::<Poll>::connect_with(&mut none, &address).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let error = Transport::<Poll>::accept(&mut none).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
