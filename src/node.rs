//! A node, and the handle by which it is used.

use std::sync::mpsc;
#[cfg(not(target_arch = "wasm32"))]
use std::thread::JoinHandle;

use mydht_spawner::channel::{NoRecv, NoSend};
use mydht_spawner::{Error, Result, SpawnHandle, SpawnSend, SpawnUnyield, Spawner};

use crate::conf::MyDHTConf;
use crate::engine::Event;
use crate::id::PeerId;
use crate::policy::PeerPriority;
use crate::service::{MainCommand, MainLoop, MainSend, Parts, Request, Waiting};
use mydht_proto::{Address, Link};

type MainHandle<MC> =
    <<MC as MyDHTConf>::MainSpawn as Spawner<MainLoop<MC>, NoSend, NoRecv>>::Handle;

/// A node.
///
/// Where threads may wait, [`run`](Node::run) runs it until it is told to stop. Where nothing may block (a browser,
/// a simulation) each [`turn`](Node::turn) does what can be done now.
pub struct Node<MC: MyDHTConf> {
    state: State<MC>,
    handle: NodeHandle<MC>,
}

/// The main loop starts when the node is first run: until then it can be sent to the thread that will.
enum State<MC: MyDHTConf> {
    Ready(Box<MainLoop<MC>>),
    Running(Box<MainHandle<MC>>),
    Ended,
}

impl<MC: MyDHTConf> Node<MC> {
    /// A node of these parts. It does nothing until it is run.
    ///
    /// # Errors
    /// When a part cannot be registered on the event loop.
    pub fn new(parts: Parts<MC>) -> Result<Self> {
        let (main_loop, send) = MainLoop::new(parts)?;
        Ok(Node {
            state: State::Ready(Box::new(main_loop)),
            handle: NodeHandle { main: send },
        })
    }

    /// Puts a node of these parts together on a thread of its own and runs it there. Its services may share their state
    /// without locks, so it never leaves that thread.
    ///
    /// # Errors
    /// As [`new`](Node::new) and [`run`](Node::run); also when the system gives no thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn start(parts: Parts<MC>) -> Result<(NodeHandle<MC>, JoinHandle<Result<()>>)>
    where
        Parts<MC>: Send,
        NodeHandle<MC>: Send,
    {
        let (send, started) = mpsc::channel();
        let body = move || {
            let node = Node::new(parts)?;
            // Who started it waits for this.
            let _ = send.send(node.handle());
            node.run()
        };
        let thread = std::thread::Builder::new()
            .name("mydht".into())
            .spawn(body)
            .map_err(Error::Io)?;
        match started.recv() {
            Ok(handle) => Ok((handle, thread)),
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                _ => Err(Error::service("the node ended before it began")),
            },
        }
    }

    /// A handle to use the node by, from any thread.
    pub fn handle(&self) -> NodeHandle<MC> {
        self.handle.clone()
    }

    /// Does what can be done without waiting; true while the node lives.
    ///
    /// # Errors
    /// What the event loop or the store failed with. The node has ended then.
    pub fn turn(&mut self) -> Result<bool> {
        let mut handle = match std::mem::replace(&mut self.state, State::Ended) {
            State::Ready(main_loop) => {
                Box::new(MC::main_spawn().spawn(*main_loop, NoSend, Some(()), NoRecv, 1)?)
            }
            State::Running(mut handle) => {
                handle.unyield()?;
                handle
            }
            State::Ended => return Ok(false),
        };
        if handle.is_finished() {
            // A failure that was not reported yet is reported now.
            let (.., result) = handle.unwrap_state()?;
            return result.map(|()| false);
        }
        self.state = State::Running(handle);
        Ok(true)
    }

    /// Runs the node until it is told to stop.
    ///
    /// # Errors
    /// As [`turn`](Node::turn); also when the event loop cannot wait on this thread: use `turn` there.
    pub fn run(mut self) -> Result<()> {
        let (send, waiting) = mpsc::channel();
        if let State::Ready(main_loop) = &mut self.state {
            main_loop.tell_who_waits(send);
        }
        if !self.turn()? {
            return Ok(());
        }
        // The main loop runs on a thread of its own, or it cannot wait.
        match waiting.recv() {
            Ok(Waiting::ForTurns) => Err(Error::service(
                "this event loop does not wait: call Node::turn when it wakes, not Node::run",
            )),
            Ok(Waiting::Ended) | Err(_) => {
                while self.turn()? {
                    std::thread::yield_now();
                }
                Ok(())
            }
        }
    }
}

/// Uses a node, from any thread. Clones are the same node.
pub struct NodeHandle<MC: MyDHTConf> {
    main: MainSend<MC>,
}

impl<MC: MyDHTConf> Clone for NodeHandle<MC> {
    fn clone(&self) -> Self {
        NodeHandle {
            main: self.main.clone(),
        }
    }
}

impl<MC: MyDHTConf> NodeHandle<MC> {
    /// Asks the node something. `reply` hears what becomes of it, on the node's thread; it must not block.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn request(
        &self,
        request: impl Into<Request>,
        reply: impl FnMut(Event) + Send + 'static,
    ) -> Result<()> {
        self.main
            .clone()
            .send(MainCommand::Request(request.into(), Box::new(reply)))
    }

    /// Asks the node something and waits for the last that is to be heard; `progress` hears the rest.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn ask(
        &self,
        request: impl Into<Request>,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Event> {
        let (send, events) = mpsc::channel();
        self.request(request, move |event| {
            // Whoever asked may have stopped waiting.
            let _ = send.send(event);
        })?;
        loop {
            match events.recv().map_err(|_| Error::Closed)? {
                Event::Progress { done, total } => progress(done, total),
                last => return Ok(last),
            }
        }
    }

    /// Tells the node's global service something. `answer` hears what it answers, on the node's thread; it must not block.
    /// It is dropped when nothing more is to be heard, at once if the node has no global service.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn tell(&self, body: Vec<u8>, answer: impl FnMut(Vec<u8>) + Send + 'static) -> Result<()> {
        self.main
            .clone()
            .send(MainCommand::Tell(body, Box::new(answer)))
    }

    /// Says what a peer is to the node from now on; one that is blocked is let go at once.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn set_priority(&self, peer: PeerId, priority: PeerPriority) -> Result<()> {
        self.main
            .clone()
            .send(MainCommand::Priority(peer, priority))
    }

    /// Tells the node to connect with whom is found at `address`, once: whether it succeeds shows in its peers.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn connect(&self, address: &Address) -> Result<()> {
        self.main
            .clone()
            .send(MainCommand::Connect(address.clone()))
    }

    /// Asks which connections the node has, with those that are being made. `reply` hears it, on the node's thread; it must
    /// not block.
    ///
    /// # Errors
    /// `Closed` when the node has ended.
    pub fn links(&self, reply: impl FnOnce(Vec<Link>) + Send + 'static) -> Result<()> {
        self.main.clone().send(MainCommand::Links(Box::new(reply)))
    }

    /// Tells the node to leave its peers, keep what is to be kept, and end. It has ended when it says so to who runs
    /// it.
    ///
    /// # Errors
    /// `Closed` when it has ended already.
    pub fn stop(&self) -> Result<()> {
        self.main.clone().send(MainCommand::Stop)
    }
}
