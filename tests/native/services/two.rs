//! Two nodes on a virtual clock that know each other, and the services that they have.

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use mydht::conf::{SingleThread, Spawners};
use mydht::engine::{Command, Event};
use mydht::memory::{self, MemoryNode, Network, node_of, settle};
use mydht::msg::Bincode;
use mydht::service::{GlobalDo, GlobalIn, GlobalOut, LocalDo, LocalIn, LocalOut, NoLocal};
use mydht::shadow::NoShadow;
use mydht::store::{MemoryAttachments, MemoryKV};
use mydht::{Components, Limits, MyDHTConf, Record, Value};
use mydht_evloop::{Poll, VirtualClock};
use mydht_spawner::channel::LocalRcChannel;
use mydht_spawner::{Error, RestartOrError, Result, Service, ServiceRestartable, SpawnerYield};
use mydht_transports::memory::{Memory, MemoryAddress};

pub(super) type Conf<G, L = NoLocal> =
    SingleThread<Poll, Memory<Poll>, Bincode, NoShadow, MemoryKV, MemoryAttachments, G, L>;

/// Every message to each instance, in order.
pub(super) type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what it hears, and does what it is told: "fail", "panic", "echo …" back to the peer.
#[derive(Clone, Default)]
pub(super) struct Scribe {
    pub(super) log: Log,
    /// Lives as long as the service's state.
    pub(super) heard: usize,
}

impl Scribe {
    fn note(&mut self, line: String) {
        self.heard += 1;
        self.log
            .lock()
            .unwrap()
            .push(format!("{} {line}", self.heard));
    }
}

pub(super) fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

impl Service for Scribe {
    type CommandIn = GlobalIn;
    type CommandOut = GlobalOut;

    fn call<Y: SpawnerYield>(&mut self, heard: GlobalIn, _: &mut Y) -> Result<GlobalOut> {
        let service = || "scribe".to_owned();
        match heard {
            GlobalIn::PeerUp(_) => self.note("up".into()),
            GlobalIn::PeerDown(_) => self.note("down".into()),
            GlobalIn::Message { from, body, .. } => {
                self.note(text(&body));
                match &body[..] {
                    b"fail" | b"global fail" => return Err(Error::service("as it was told")),
                    b"panic" => panic!("as it was told"),
                    _ => {}
                }
                if body.starts_with(b"echo") {
                    let (to, service) = (from, service());
                    let body = b"as you say".to_vec();
                    return Ok(vec![GlobalDo::Send { to, service, body }]);
                }
            }
            GlobalIn::User { user, body } => {
                let service = service();
                return Ok(vec![
                    GlobalDo::SendAll { service, body },
                    GlobalDo::Answer {
                        user,
                        body: b"said".to_vec(),
                    },
                    GlobalDo::Done(user),
                ]);
            }
            GlobalIn::Answered { .. } => unreachable!("it asks nothing"),
            GlobalIn::Stop => {
                let (service, body) = (service(), b"last words".to_vec());
                return Ok(vec![GlobalDo::SendAll { service, body }]);
            }
        }
        Ok(vec![])
    }
}

impl ServiceRestartable for Scribe {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<GlobalOut>> {
        Ok(None)
    }
}

/// Counts the messages of its peer. "panic" and "global …" do what they say; the rest is answered
/// with the count.
#[derive(Clone, Default)]
pub(super) struct Counter(pub(super) u32);

impl Service for Counter {
    type CommandIn = LocalIn;
    type CommandOut = LocalOut;

    fn call<Y: SpawnerYield>(&mut self, heard: LocalIn, _: &mut Y) -> Result<LocalOut> {
        self.0 += 1;
        let (service, body) = (heard.service, heard.body);
        if body == b"panic" {
            panic!("as it was told");
        }
        Ok(vec![if body.starts_with(b"global") {
            LocalDo::Global { service, body }
        } else {
            let body = self.0.to_string().into_bytes();
            LocalDo::Reply { service, body }
        }])
    }
}

impl ServiceRestartable for Counter {
    fn restart<Y: SpawnerYield>(&mut self, _: &mut Y) -> Result<Option<LocalOut>> {
        Ok(None)
    }
}

/// As `Conf`, with a local service that has a new instance for each message.
pub(super) struct PerMessage;

impl MyDHTConf for PerMessage {
    const RESTARTABLE: bool = true;
    const LOCAL_NB_LOOP: usize = 1;
    type Poll = Poll;
    type Transport = Memory<Poll>;
    type MsgEnc = Bincode;
    type Shadow = NoShadow;
    type Records = MemoryKV;
    type Attachments = MemoryAttachments;
    type Global = Scribe;
    type Local = Counter;
    type Channel = LocalRcChannel;
    type MainSpawn = RestartOrError;
    type ReadSpawn = RestartOrError;
    type WriteSpawn = RestartOrError;
    type StoreSpawn = RestartOrError;
    type GlobalSpawn = RestartOrError;
    type LocalSpawn = RestartOrError;

    fn channel() -> LocalRcChannel {
        LocalRcChannel::unbounded()
    }

    fn main_spawn() -> RestartOrError {
        RestartOrError::new()
    }

    fn spawners(_: &Limits) -> Spawners<Self> {
        Spawners {
            read: RestartOrError::new(),
            write: RestartOrError::new(),
            store: RestartOrError::new(),
            global: RestartOrError::new(),
            local: RestartOrError::new(),
        }
    }
}

pub(super) fn parts<MC>(network: &Network, poll: Poll, known: &[MemoryAddress]) -> Components<MC>
where
    MC: MyDHTConf<
            Poll = Poll,
            Transport = Memory<Poll>,
            MsgEnc = Bincode,
            Shadow = NoShadow,
            Records = MemoryKV,
            Attachments = MemoryAttachments,
        >,
{
    let stores = (MemoryKV::default(), MemoryAttachments::default());
    let mut parts = memory::components(network, poll, Bincode, NoShadow, stores).unwrap();
    parts.bootstrap = known.to_vec();
    parts
}

/// A network on a virtual clock with two nodes that know each other, each with a scribe.
pub(super) struct Two<MC: MyDHTConf> {
    pub(super) clock: VirtualClock,
    pub(super) nodes: Vec<MemoryNode<MC>>,
    pub(super) logs: [Log; 2],
}

impl<MC> Two<MC>
where
    MC: MyDHTConf<
            Poll = Poll,
            Transport = Memory<Poll>,
            MsgEnc = Bincode,
            Shadow = NoShadow,
            Records = MemoryKV,
            Attachments = MemoryAttachments,
            Global = Scribe,
        >,
{
    pub(super) fn new(mut local: Option<MC::Local>, limits: Limits) -> Self {
        let (clock, network) = (VirtualClock::new(1), Network::new());
        let logs: [Log; 2] = Default::default();
        let mut nodes: Vec<MemoryNode<MC>> = Vec::new();
        for log in &logs {
            let known: Vec<_> = nodes.iter().map(|node| node.address).collect();
            let mut parts = parts::<MC>(&network, clock.poll(), &known);
            parts.limits = limits.clone();
            // Of the first only: two that answer each other would never end.
            parts.local = local.take();
            parts.global = Some(Scribe {
                log: log.clone(),
                heard: 0,
            });
            nodes.push(node_of(parts).unwrap());
        }
        let mut two = Two { clock, nodes, logs };
        two.settle();
        two
    }

    pub(super) fn settle(&mut self) {
        settle(&self.clock, &mut self.nodes).unwrap();
    }

    /// The second node's user says `body` to the first node's service.
    pub(super) fn say(&mut self, body: &[u8]) {
        let handle = self.nodes[1].node();
        handle.tell(body.to_vec(), |_| ()).unwrap();
        self.settle();
    }

    /// Returns what was heard since the last time.
    pub(super) fn heard(&self, node: usize) -> Vec<String> {
        std::mem::take(&mut *self.logs[node].lock().unwrap())
    }

    pub(super) fn lives(&mut self) {
        let record = Record::by_content(Value::Bytes(b"alive".to_vec()));
        let put = Command::Put { record, tree: None };
        let events = ask(&self.nodes[0], put);
        self.settle();
        assert!(matches!(events.try_recv(), Ok(Event::Stored { .. })));
    }
}

pub(super) fn ask<MC: MyDHTConf>(node: &MemoryNode<MC>, command: Command) -> Receiver<Event> {
    let (send, events) = mpsc::channel();
    let reply = move |event| drop(send.send(event));
    node.node().request(command, reply).unwrap();
    events
}

pub(super) type Plain = Two<Conf<Scribe>>;
