//! What lies between the endpoints of a network: time, and walls.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use mydht_evloop::traits::UserSources;

use super::stream::{Link, MemoryStream};
use super::{MemoryAddress, lock};

/// What happens to what is sent from one side of a partition to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// It waits until the network is healed, as behind a cable that was pulled: connections stall, new ones are not
    /// answered.
    Stall,
    /// It is answered by a reset, as by a firewall: connections break when they are next used, new ones are refused.
    Cut,
}

/// What has arrived at an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parcel {
    /// So many bytes.
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
    /// Who sent it.
    pub from: MemoryAddress,
    /// Who has it now.
    pub to: MemoryAddress,
    /// What it is.
    pub parcel: Parcel,
}

/// A parcel on its way to the end `end` of `link`.
pub(super) struct Sent<P: UserSources> {
    pub(super) link: Arc<Mutex<Link<P>>>,
    pub(super) end: usize,
    pub(super) parcel: Parcel,
    /// The far end of a connection, on its way to who is to accept it.
    pub(super) knock: Option<MemoryStream<P>>,
}

/// Of all locks here this is the last to be taken. Nothing that is on its way is dropped while it is held: a stream says
/// that it closes when it is dropped.
pub(super) struct Between<P: UserSources> {
    now: Duration,
    latency: Box<dyn FnMut(MemoryAddress, MemoryAddress) -> Duration + Send>,
    watch: Option<Box<dyn FnMut(Delivery) + Send>>,
    /// What is sent first arrives first, of what arrives at the same time.
    sent: u64,
    agenda: BTreeMap<(Duration, u64), (Path, Sent<P>)>,
    /// What waits for the network to be healed.
    stalled: Vec<(Path, Sent<P>)>,
    walls: Option<(Partition, Sides)>,
    unplugged: HashSet<MemoryAddress>,
}

/// On which side of a partition an endpoint is.
type Sides = Box<dyn Fn(MemoryAddress) -> u32 + Send>;

/// From whom to whom.
pub(super) type Path = [MemoryAddress; 2];

/// How a link reaches what lies between its ends. It does not keep it alive: what is on its way keeps links alive.
pub(super) struct Route<P: UserSources> {
    pub(super) between: Weak<Mutex<Between<P>>>,
    /// Where each end is.
    pub(super) ends: [MemoryAddress; 2],
    /// When what was sent last to each end arrives: nothing overtakes it.
    pub(super) last: [Duration; 2],
}

impl<P: UserSources> Route<P> {
    /// Sends a parcel to the end `sent.end`.
    pub(super) fn send(&mut self, sent: Sent<P>) {
        let Some(between) = self.between.upgrade() else {
            return;
        };
        let end = sent.end;
        let path = [self.ends[1 - end], self.ends[end]];
        self.last[end] = lock(&between).send(path, sent, self.last[end]);
    }
}

impl<P: UserSources> Between<P> {
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

    pub(super) fn unplug(&mut self, address: MemoryAddress) {
        self.unplugged.insert(address);
    }

    pub(super) fn next_delivery(&self) -> Option<Duration> {
        self.agenda.first_key_value().map(|((at, _), _)| *at)
    }

    /// When it arrives; not before `after`.
    fn send(&mut self, path: Path, sent: Sent<P>, after: Duration) -> Duration {
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

/// What to do with what has arrived; outside of the lock.
pub(super) enum Arrived<P: UserSources> {
    Deliver(Path, Sent<P>),
    /// Both ends learn that the connection is cut.
    Reset(Sent<P>),
    /// It is lost.
    Lost(Sent<P>),
}

/// The next that has arrived by `now`.
pub(super) fn next_arrival<P: UserSources>(
    between: &mut MutexGuard<'_, Between<P>>,
    now: Duration,
) -> Option<Arrived<P>> {
    loop {
        let due = between.agenda.first_entry();
        let Some(first) = due.filter(|first| first.key().0 <= now) else {
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

/// Takes the walls away. What waited is sent again; who wished to connect and has given up meanwhile does not.
pub(super) fn heal<P: UserSources>(between: &Mutex<Between<P>>) {
    let mut stalled = {
        let mut between = lock(between);
        between.walls = None;
        std::mem::take(&mut between.stalled)
    };
    stalled.retain(|(_, sent)| !sent.is_given_up());
    for (_, sent) in stalled {
        let link = Arc::clone(&sent.link);
        lock(&link).resend(sent);
    }
}

impl<P: UserSources> Sent<P> {
    fn is_given_up(&self) -> bool {
        matches!(self.parcel, Parcel::Knock) && lock(&self.link).is_closed_by(0)
    }
}
