//! Medium between the endpoints of a network: latency and partitions.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use super::MemoryAddress;
use crate::lock::lock;

/// Effect of a partition on traffic from one side to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Traffic waits until the network is healed, as behind a pulled cable: connections stall, new
    /// ones are not answered.
    Stall,
    /// Traffic is answered by a reset, as by a firewall: connections break at their next use, new
    /// ones are refused.
    Cut,
}

/// Content of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parcel {
    /// This many bytes.
    Bytes(usize),
    /// The wish to connect.
    Knock,
    /// A connection that was asked for is open.
    Opened,
    /// A connection that was asked for is not to be had.
    Refused,
    /// The other end has closed.
    Closed,
    /// The connection was cut.
    Reset,
}

/// A parcel that has arrived: when, and which way it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// When it arrived.
    pub at: Duration,
    /// Sender.
    pub from: MemoryAddress,
    /// Receiver.
    pub to: MemoryAddress,
    /// Content.
    pub parcel: Parcel,
}

/// Parcel on its way to one end of a connection. `C` is what the stream hands over with it, and is
/// only carried here.
pub(super) struct Sent<C> {
    pub(super) end: usize,
    pub(super) parcel: Parcel,
    pub(super) cargo: C,
}

/// Parcels in flight, and the walls between endpoints.
///
/// Its lock is the last of this module to be taken. Cargo is dropped after the lock is released: a
/// stream that is dropped sends a parcel, which takes the lock.
pub(super) struct Between<C> {
    now: Duration,
    latency: Box<dyn FnMut(MemoryAddress, MemoryAddress) -> Duration + Send>,
    watch: Option<Box<dyn FnMut(Delivery) + Send>>,
    /// Parcels sent so far. Of those that arrive at the same time, the one that was sent first
    /// arrives first.
    sent: u64,
    agenda: BTreeMap<(Duration, u64), (Path, Sent<C>)>,
    /// Parcels that wait for the network to be healed.
    stalled: Vec<(Path, Sent<C>)>,
    walls: Option<(Partition, Sides)>,
    unplugged: HashSet<MemoryAddress>,
}

/// On which side of a partition an endpoint is.
type Sides = Box<dyn Fn(MemoryAddress) -> u32 + Send>;

/// From whom to whom.
pub(super) type Path = [MemoryAddress; 2];

/// Route of a link. Weak, because parcels in flight keep links alive.
pub(super) struct Route<C> {
    pub(super) between: Weak<Mutex<Between<C>>>,
    /// Address of each end.
    pub(super) ends: [MemoryAddress; 2],
    /// Arrival time of the last parcel to each end: nothing overtakes it.
    pub(super) last: [Duration; 2],
}

impl<C> Route<C> {
    /// Sends a parcel to the end `sent.end`.
    pub(super) fn send(&mut self, sent: Sent<C>) {
        let Some(between) = self.between.upgrade() else {
            return;
        };
        let end = sent.end;
        let path = [self.ends[1 - end], self.ends[end]];
        self.last[end] = lock(&between).send(path, sent, self.last[end]);
    }
}

impl<C> Between<C> {
    pub(super) fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Between {
            now: Duration::ZERO,
            latency: Box::new(|_, _| Duration::ZERO),
            watch: None,
            sent: 0,
            agenda: BTreeMap::new(),
            stalled: Vec::new(),
            walls: None,
            unplugged: HashSet::new(),
        }))
    }

    pub(super) fn set_latency(
        &mut self,
        latency: impl FnMut(MemoryAddress, MemoryAddress) -> Duration + Send + 'static,
    ) {
        self.latency = Box::new(latency);
    }

    pub(super) fn set_watch(&mut self, watch: impl FnMut(Delivery) + Send + 'static) {
        self.watch = Some(Box::new(watch));
    }

    pub(super) fn partition(
        &mut self,
        how: Partition,
        side: impl Fn(MemoryAddress) -> u32 + Send + 'static,
    ) {
        self.walls = Some((how, Box::new(side)));
    }

    /// Removes the walls, and returns what they stalled.
    pub(super) fn heal(&mut self) -> Vec<Sent<C>> {
        self.walls = None;
        let stalled = std::mem::take(&mut self.stalled);
        stalled.into_iter().map(|(_, sent)| sent).collect()
    }

    pub(super) fn unplug(&mut self, address: MemoryAddress) {
        self.unplugged.insert(address);
    }

    pub(super) fn next_delivery(&self) -> Option<Duration> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// When it arrives; not before `after`.
    fn send(&mut self, path: Path, sent: Sent<C>, after: Duration) -> Duration {
        let [from, to] = path;
        let at = self.now.saturating_add((self.latency)(from, to)).max(after);
        self.agenda.insert((at, self.sent), (path, sent));
        self.sent += 1;
        at
    }

    fn wall(&self, [from, to]: Path) -> Option<Partition> {
        let (how, side) = self.walls.as_ref()?;
        (side(from) != side(to)).then_some(*how)
    }
}

/// Outcome of an arrival, handled after the lock is released.
pub(super) enum Arrived<C> {
    Deliver(Path, Sent<C>),
    /// Both ends learn that the connection is cut.
    Reset(Sent<C>),
    /// The parcel is lost.
    Lost(Sent<C>),
}

/// The next that has arrived by `now`.
pub(super) fn next_arrival<C>(
    between: &mut MutexGuard<'_, Between<C>>,
    now: Duration,
) -> Option<Arrived<C>> {
    loop {
        let due = between.agenda.first_entry();
        let Some(first) = due.filter(|first| first.key().0 <= now) else {
            // Only when nothing is left: until then it is the time of each parcel.
            between.now = between.now.max(now);
            return None;
        };
        let ((at, _), (path, sent)) = first.remove_entry();
        // What is answered by the network itself is answered then, however late this is called.
        between.now = between.now.max(at);
        if path.iter().any(|end| between.unplugged.contains(end)) {
            return Some(Arrived::Lost(sent));
        }
        let wall = between.wall(path);
        if wall == Some(Partition::Stall) {
            between.stalled.push((path, sent));
            continue;
        }
        let parcel = match wall {
            None => sent.parcel,
            Some(_) => Parcel::Reset,
        };
        let [from, to] = path;
        if let Some(watch) = &mut between.watch {
            watch(Delivery {
                at,
                from,
                to,
                parcel,
            });
        }
        return Some(match wall {
            None => Arrived::Deliver(path, sent),
            Some(_) => Arrived::Reset(sent),
        });
    }
}
