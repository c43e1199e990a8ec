//! Runs a scenario.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use mydht_spawner::Result;
use mydht_transports::memory::MemoryAddress;

use super::figures::{Distribution, Figures, Tally};
use super::scenario::Scenario;
use super::world::{Member, NodeId, RequestId, World};
use mydht_proto::engine::{Command, Event};
use mydht_proto::record::{Record, Value};

/// Progress of a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Phase, in a word or two.
    pub phase: &'static str,
    /// Virtual time.
    pub now: Duration,
    /// When it ends.
    pub end: Duration,
    /// Nodes that are there.
    pub peers: usize,
}

/// Act that is to happen.
#[derive(Clone, Copy, Debug)]
enum Action {
    Join,
    Split,
    Heal,
    Put(usize),
    Lookup(usize),
    /// A node goes and another one comes.
    Replace,
    /// All nodes say how they are.
    Count,
}

/// Request of a user.
struct Request {
    what: What,
    node: NodeId,
    begun: Duration,
    hops_before: u64,
}

enum What {
    Put,
    Lookup(usize),
    Count,
}

/// After the last lookup its answer has so long to come.
const LAST_ANSWERS: Duration = Duration::from_secs(60);

/// A scenario under way.
pub struct Simulation {
    scenario: Scenario,
    world: World,
    rng: fastrand::Rng,
    agenda: BTreeMap<(Duration, usize), Action>,
    end: Duration,
    phase: &'static str,
    joined: usize,
    requests: HashMap<RequestId, Request>,
    next_request: RequestId,
    puts: Tally,
    copies: Vec<f64>,
    lookups: Tally,
    hops: Vec<f64>,
    latency: Vec<f64>,
    connections: Vec<f64>,
}

/// On which side of a partition an address is.
fn side(address: MemoryAddress) -> u32 {
    (address.0 % 2) as u32
}

fn nth(begin: Duration, end: Duration, index: usize, count: usize) -> Duration {
    begin + (end - begin).mul_f64(index as f64 / count.max(1) as f64)
}

impl Simulation {
    /// Nothing has happened yet.
    ///
    /// # Errors
    /// When there are no peers in the scenario.
    pub fn new(scenario: Scenario) -> Result<Self> {
        if scenario.peers == 0 {
            return Err(mydht_spawner::Error::service(
                "a network needs a node: say how many peers there are",
            ));
        }
        let mut simulation = Simulation {
            world: World::new(&scenario),
            rng: fastrand::Rng::with_seed(scenario.seed),
            agenda: BTreeMap::new(),
            end: Duration::ZERO,
            phase: "joining",
            joined: 0,
            requests: HashMap::new(),
            next_request: 0,
            puts: Tally::default(),
            copies: Vec::new(),
            lookups: Tally::default(),
            hops: Vec::new(),
            latency: Vec::new(),
            connections: Vec::new(),
            scenario,
        };
        simulation.plan();
        Ok(simulation)
    }

    fn plan(&mut self) {
        let s = self.scenario.clone();
        let [puts, put, lookups, looked_up] = s.times();
        for index in 0..s.peers {
            let at = s.join_every * u32::try_from(index).unwrap_or(u32::MAX);
            self.at(at, Action::Join);
        }
        if s.split.is_some() {
            self.at(puts, Action::Split);
            self.at(put, Action::Heal);
        }
        for index in 0..s.puts {
            self.at(nth(puts, put, index, s.puts), Action::Put(index));
        }
        // Without values there is nothing to look up, and `index % puts` would divide by zero.
        if s.puts > 0 {
            for index in 0..s.lookups {
                let at = nth(lookups, looked_up, index, s.lookups);
                self.at(at, Action::Lookup(index));
            }
        }
        let hours = s.lookup_for.as_secs_f64() / 3600.0;
        let replaced = (s.peers as f64 * s.churn * hours).round() as usize;
        for index in 0..replaced {
            self.at(nth(lookups, looked_up, index, replaced), Action::Replace);
        }
        self.at(looked_up + LAST_ANSWERS, Action::Count);
        self.end = looked_up + LAST_ANSWERS + Duration::from_secs(1);
    }

    fn at(&mut self, time: Duration, action: Action) {
        // What is planned first happens first, of what happens at the same time.
        // Nothing is removed while the run is planned, so the numbers are unique.
        let order = self.agenda.len();
        self.agenda.insert((time, order), action);
    }

    /// Runs it to its end. `progress` is told how far it is about a thousand times.
    ///
    /// # Errors
    /// What a node failed with.
    pub fn run(mut self, mut progress: impl FnMut(&Progress)) -> Result<Figures> {
        let mut told = Duration::ZERO;
        loop {
            let action = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let next = self.world.next().into_iter().chain(action).min();
            let Some(next) = next.filter(|next| *next <= self.end) else {
                break;
            };
            self.world.advance(next);
            while let Some(first) = self.agenda.first_entry()
                && first.key().0 <= next
            {
                let action = first.remove();
                self.act(action)?;
            }
            self.world.turn()?;
            self.listen();
            if next >= told {
                told = next + self.end / 1000;
                progress(&self.progress());
            }
        }
        Ok(self.figures())
    }

    fn progress(&self) -> Progress {
        Progress {
            phase: self.phase,
            now: self.world.now(),
            end: self.end,
            peers: self.world.members().count(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        // Of 64 bits everywhere, or a browser would go another way.
        self.rng.u64(..bound.max(1) as u64) as usize
    }

    fn anybody(&mut self) -> Option<NodeId> {
        let index = self.below(self.world.honest().len());
        self.world.honest().get(index).copied()
    }

    /// One on this side of the partition; anybody, if there is none in this scenario.
    fn anybody_on(&mut self, wanted: u32) -> Option<NodeId> {
        if self.scenario.split.is_none() {
            return self.anybody();
        }
        let world = &self.world;
        let is_there = |id: &NodeId| world.member(*id).map(|m| side(m.address())) == Some(wanted);
        let there: Vec<_> = world.honest().iter().copied().filter(is_there).collect();
        let index = self.below(there.len());
        there.get(index).copied()
    }

    fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Join => self.join(),
            Action::Split => {
                self.phase = "split";
                if let Some(split) = self.scenario.split {
                    self.world.network().partition(split.how, side);
                }
                Ok(())
            }
            Action::Heal => {
                self.phase = "healing";
                self.world.network().heal();
                Ok(())
            }
            Action::Put(index) => {
                if self.scenario.split.is_none() {
                    self.phase = "putting";
                }
                let record = self.record(index);
                // While the network is split, half of it is put on either side.
                let node = self.anybody_on((index % 2) as u32);
                let command = Command::Put { record, tree: None };
                self.ask(node, What::Put, command)
            }
            Action::Lookup(index) => {
                self.phase = "looking up";
                let value = index % self.scenario.puts;
                let key = self.record(value).key;
                // Each round of lookups asks for the same value from the other side of the
                // partition.
                let sides = index / self.scenario.puts + value;
                let node = self.anybody_on((sides % 2) as u32);
                self.ask(node, What::Lookup(value), Command::Get { key })
            }
            Action::Replace => self.replace(),
            Action::Count => {
                self.phase = "counting";
                let all: Vec<NodeId> = self.world.members().map(|(id, _)| id).collect();
                all.into_iter()
                    .try_for_each(|id| self.ask(Some(id), What::Count, Command::Status))
            }
        }
    }

    fn join(&mut self) -> Result<()> {
        let known = self.anybody();
        // Spread over all that join; the first is honest.
        let share = self.scenario.hostile;
        let hostile_after = |joined: usize| (joined as f64 * share) as usize;
        let hostile = hostile_after(self.joined + 1) > hostile_after(self.joined);
        self.joined += 1;
        self.world.join(known, hostile && known.is_some()).map(drop)
    }

    fn replace(&mut self) -> Result<()> {
        let all: Vec<NodeId> = self.world.members().map(|(id, _)| id).collect();
        let leaves = all[self.below(all.len())];
        let hostile = self.world.member(leaves).is_some_and(|m| m.hostile);
        // The node's user goes with it, so its open requests count neither as done nor as failed.
        self.requests.retain(|_, request| request.node != leaves);
        let says_so = self.rng.bool();
        self.world.leave(leaves, says_so)?;
        let known = self.anybody();
        self.world.join(known, hostile).map(drop)
    }

    fn record(&self, index: usize) -> Record {
        let text = format!("value {index} of seed {}: {:=<64}", self.scenario.seed, "");
        Record::by_content(Value::Bytes(text.into_bytes()))
    }

    fn ask(&mut self, node: Option<NodeId>, what: What, command: Command) -> Result<()> {
        let Some(node) = node else {
            return Ok(());
        };
        let request = Request {
            what,
            node,
            begun: self.world.now(),
            // A node counts the hops of all its lookups together: the difference is this lookup's,
            // unless another is under way there.
            hops_before: self.world.member(node).map_or(0, Member::hops),
        };
        self.requests.insert(self.next_request, request);
        self.next_request += 1;
        self.world.request(node, self.next_request - 1, command)
    }

    /// Notes what became of what was asked.
    fn listen(&mut self) {
        let now = self.world.now();
        for (number, event) in self.world.heard() {
            self.world.trace().heard(now, number, &event);
            let Some(request) = self.requests.remove(&number) else {
                // Of one that left meanwhile.
                continue;
            };
            match (request.what, event) {
                (What::Put, Event::Stored { copies }) => {
                    self.copies.push(copies as f64);
                    let done = if copies == 0 {
                        Err("no copies".into())
                    } else {
                        Ok(())
                    };
                    self.puts.note(now, done);
                }
                (What::Put, other) => self.puts.note(now, Err(format!("{other:?}"))),
                (What::Lookup(value), Event::Found(record)) if record == self.record(value) => {
                    self.lookups.note(now, Ok(()));
                    let hops = self.world.member(request.node).map_or(0, Member::hops);
                    if hops > request.hops_before {
                        self.hops.push((hops - request.hops_before) as f64);
                        let took = now.saturating_sub(request.begun);
                        self.latency.push(took.as_secs_f64() * 1000.0);
                    }
                }
                (What::Lookup(value), other) => {
                    let what = format!("value {value} at node {}: {other:?}", request.node);
                    self.lookups.note(now, Err(what));
                }
                (What::Count, Event::Status { peers, .. }) => {
                    self.connections.push(peers.len() as f64);
                }
                (What::Count, _) => {}
            }
        }
    }

    fn figures(mut self) -> Figures {
        let now = self.world.now();
        // Who had no answer until now has none.
        let mut waiting: Vec<_> = std::mem::take(&mut self.requests).into_iter().collect();
        waiting.sort_unstable_by_key(|(number, _)| *number);
        for (_, request) in waiting {
            match request.what {
                What::Put => self.puts.note(now, Err("no answer".into())),
                What::Lookup(_) => self.lookups.note(now, Err("no answer".into())),
                What::Count => {}
            }
        }
        let each = |figure: fn(&Member) -> u64| {
            Distribution::of(
                self.world
                    .members()
                    .map(|(_, member)| figure(member) as f64),
            )
        };
        let (load, traffic) = (each(Member::messages), each(Member::bytes));
        let trace = self.world.trace();
        Figures {
            seed: self.scenario.seed,
            peers: self.world.members().count(),
            trace: trace.hash(),
            virtual_seconds: now.as_secs_f64(),
            messages: self.world.messages(),
            handshakes: self.world.handshakes(),
            deliveries: trace.deliveries,
            bytes: trace.bytes,
            puts: self.puts,
            copies: Distribution::of(self.copies),
            lookups: self.lookups,
            hops: Distribution::of(self.hops),
            latency: Distribution::of(self.latency),
            load,
            traffic,
            connections: Distribution::of(self.connections),
        }
    }
}
