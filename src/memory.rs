//! A node inside this process: pipes for a network, memory for a store. For tests, simulations, and
//! several nodes in one page.
//!
//! Its loop does not wait: whoever owns it gives it its turns, when it is woken and when its time
//! has come.
//!
//! ```
//! use mydht::memory::{self, Network};
//! use mydht_evloop::VirtualClock;
//!
//! let clock = VirtualClock::new(1);
//! let network = Network::new();
//! let mut nodes = vec![memory::node(&network, clock.poll(), &[])?];
//! let known = nodes[0].address;
//! nodes.push(memory::node(&network, clock.poll(), &[known])?);
//! memory::settle(&clock, &mut nodes)?;
//!
//! let mut put = nodes[0].node().put(b"hello");
//! memory::settle(&clock, &mut nodes)?;
//! let stored = put.try_take().expect("nothing is left to be done")?;
//! let mut get = nodes[1].node().get(&stored.key);
//! memory::settle(&clock, &mut nodes)?;
//! let found = get.try_take().expect("nothing is left to be done")?;
//! assert_eq!(found.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use mydht_evloop::{Poll, VirtualClock};
use mydht_transports::memory::{Memory, MemoryAddress};

use crate::handshake::Credentials;
use crate::identity::Identity;
use crate::msg::Bincode;
use crate::shadow::{Cipher, Records, Shadow};
use crate::store::{MemoryAttachments, MemoryKV};
use crate::{Components, Metrics, MyDHTConf, PeerId, Runner, SingleThread};

/// When the time of a virtual clock begins: with the year 2026 (UTC).
pub const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// The nodes that can reach each other.
pub type Network = mydht_transports::memory::Network<Poll>;

/// The configuration of a node in memory; encoding, cipher layer and stores can be others.
pub type Conf<E = Bincode, S = Records, R = MemoryKV, A = MemoryAttachments> =
    SingleThread<Poll, Memory<Poll>, E, S, R, A>;

/// A node, and where others find it.
pub struct MemoryNode<MC: MyDHTConf = Conf> {
    runner: Runner<MC>,
    /// Address at which others find the node.
    pub address: MemoryAddress,
    /// Id of the node.
    pub id: PeerId,
    /// Counters of the node.
    pub metrics: Metrics,
}

impl<MC: MyDHTConf> Deref for MemoryNode<MC> {
    type Target = Runner<MC>;

    fn deref(&self) -> &Runner<MC> {
        &self.runner
    }
}

impl<MC: MyDHTConf> DerefMut for MemoryNode<MC> {
    fn deref_mut(&mut self) -> &mut Runner<MC> {
        &mut self.runner
    }
}

/// A node with the default parts.
///
/// # Errors
/// As [`Runner::new`]; also when there is no randomness for an id.
pub fn node(
    network: &Network,
    poll: Poll,
    bootstrap: &[MemoryAddress],
) -> mydht_spawner::Result<MemoryNode> {
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut components = components(network, poll, Bincode, Records, stores)?;
    components.bootstrap = bootstrap.to_vec();
    node_of(components)
}

/// The parts of a node in memory, for any configuration: with the default limits, an endpoint and
/// an identity of its own, nobody to connect with and no services of the user's. Peers are
/// authenticated if `shadow` has a cipher.
///
/// # Errors
/// When there is no randomness for an id.
pub fn components<MC>(
    network: &Network,
    poll: Poll,
    enc: MC::MsgEnc,
    shadow: MC::Shadow,
    stores: (MC::Records, MC::Attachments),
) -> mydht_spawner::Result<Components<MC>>
where
    MC: MyDHTConf<Poll = Poll, Transport = Memory<Poll>>,
{
    let identity = Arc::new(Identity::generate()?);
    let has_cipher = |cipher: &Cipher| *cipher != Cipher::None;
    let credentials = if shadow.ciphers().iter().any(has_cipher) {
        Credentials::public(identity)
    } else {
        Credentials::no_auth(identity)
    };
    Ok(Components {
        epoch: EPOCH,
        ..Components::new(poll, network.endpoint(), enc, shadow, stores, credentials)
    })
}

/// A node of these parts.
///
/// # Errors
/// As [`Runner::new`].
pub fn node_of<MC>(parts: Components<MC>) -> mydht_spawner::Result<MemoryNode<MC>>
where
    MC: MyDHTConf<Poll = Poll, Transport = Memory<Poll>>,
{
    let (address, id) = (parts.transport.address(), parts.credentials.id());
    let metrics = parts.metrics.clone();
    Ok(MemoryNode {
        runner: Runner::new(parts)?,
        address,
        id,
        metrics,
    })
}

/// Gives nodes on one virtual clock their turns until nothing is left to be done at this time.
///
/// # Errors
/// What a node failed with.
pub fn settle<MC: MyDHTConf>(
    clock: &VirtualClock,
    nodes: &mut [MemoryNode<MC>],
) -> mydht_spawner::Result<()> {
    loop {
        for node in &mut *nodes {
            node.turn()?;
        }
        if !clock.any_woken() {
            return Ok(());
        }
    }
}
