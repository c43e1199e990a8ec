//! Running a node.

use std::sync::mpsc;
#[cfg(not(target_arch = "wasm32"))]
use std::thread::JoinHandle;

use mydht_spawner::channel::{NoRecv, NoSend};
use mydht_spawner::{Error, Result, SpawnHandle, SpawnUnyield, Spawner};

use crate::conf::MyDHTConf;
use crate::node::Node;
use crate::service::{Components, MainLoop, Waiting};

type MainHandle<MC> =
    <<MC as MyDHTConf>::MainSpawn as Spawner<MainLoop<MC>, NoSend, NoRecv>>::Handle;

/// The running side of a node, for whoever assembles one from [`Components`].
///
/// Where threads may wait, [`run`](Runner::run) runs it until it is told to stop. Where nothing may
/// block (a browser, a simulation) each [`turn`](Runner::turn) does what can be done now. The node
/// is used by its [`node`](Runner::node).
pub struct Runner<MC: MyDHTConf> {
    state: State<MC>,
    node: Node<MC>,
}

/// The main loop starts when the node is first run: until then it can be sent to the thread that
/// will.
enum State<MC: MyDHTConf> {
    Ready(Box<MainLoop<MC>>),
    Running(Box<MainHandle<MC>>),
    Ended,
}

impl<MC: MyDHTConf> Runner<MC> {
    /// A node of these parts. It does nothing until it is run.
    ///
    /// # Errors
    /// When a part cannot be registered on the event loop.
    pub fn new(parts: Components<MC>) -> Result<Self> {
        let (main_loop, send) = MainLoop::new(parts)?;
        Ok(Runner {
            state: State::Ready(Box::new(main_loop)),
            node: Node::new(send),
        })
    }

    /// Puts a node of these parts together on a thread of its own and runs it there. Its services
    /// may share their state without locks, so it never leaves that thread.
    ///
    /// # Errors
    /// As [`new`](Runner::new) and [`run`](Runner::run); also when the system gives no thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn start(parts: Components<MC>) -> Result<(Node<MC>, JoinHandle<Result<()>>)>
    where
        Components<MC>: Send,
        Node<MC>: Send,
    {
        let (send, started) = mpsc::channel();
        let body = move || {
            let runner = Runner::new(parts)?;
            // Who started it waits for this.
            let _ = send.send(runner.node());
            runner.run()
        };
        let thread = std::thread::Builder::new()
            .name("mydht".into())
            .spawn(body)
            .map_err(Error::Io)?;
        match started.recv() {
            Ok(handle) => Ok((handle, thread)),
            // Nothing was sent: the thread ended before there was a node, and its result says why.
            Err(_) => match thread.join() {
                Ok(Err(error)) => Err(error),
                _ => Err(Error::service("the node ended before it began")),
            },
        }
    }

    /// Returns the node, to use it by from any thread.
    pub fn node(&self) -> Node<MC> {
        self.node.clone()
    }

    /// Does what can be done without waiting; true while the node lives.
    ///
    /// # Errors
    /// What the event loop or the store failed with. The node has ended then.
    pub fn turn(&mut self) -> Result<bool> {
        // A failure below leaves the node ended, so that it never runs again in an unknown state.
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
    /// As [`turn`](Runner::turn); also when the event loop cannot wait on this thread: use `turn`
    /// there.
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
                "this event loop does not wait: call Runner::turn when it wakes, not Runner::run",
            )),
            // The main loop has ended, but its thread may not have finished yet.
            Ok(Waiting::Ended) | Err(_) => {
                while self.turn()? {
                    std::thread::yield_now();
                }
                Ok(())
            }
        }
    }
}
