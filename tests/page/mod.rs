//! Nodes that run by the turns of a page.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::task::{Poll as Progress, Waker};

use mydht::engine::Event;
use mydht::memory::{self, Conf, MemoryNode, Network};
use mydht::service::Request;
use mydht::{Metrics, MyDHTConf, Node};
use mydht_evloop::{Handle, Poll, js};
use mydht_transports::memory::MemoryAddress;

/// Something that happens once, and whoever waits for it.
pub struct Once<T>(Arc<Mutex<(Option<T>, Option<Waker>)>>);

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Once(Arc::clone(&self.0))
    }
}

impl<T> Once<T> {
    pub fn new() -> Self {
        Once(Arc::default())
    }

    pub fn set(&self, value: T) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = Some(value);
        if let Some(waker) = inner.1.take() {
            waker.wake();
        }
    }

    pub async fn wait(&self) -> T {
        poll_fn(|cx| {
            let mut inner = self.0.lock().unwrap();
            inner.1 = Some(cx.waker().clone());
            inner.0.take().map_or(Progress::Pending, Progress::Ready)
        })
        .await
    }
}

/// A node that runs by the turns of the page. Dropped, it ends as it is.
pub struct PageNode<MC: MyDHTConf = Conf> {
    pub handle: Node<MC>,
    pub address: MemoryAddress,
    pub metrics: Metrics,
    task: js::Task,
    ended: Once<Result<(), String>>,
}

impl PageNode {
    /// A node that knows those at the addresses, each of its turns run by `around`.
    pub fn start(
        network: &Network,
        bootstrap: &[MemoryAddress],
        around: impl Fn(&mut dyn FnMut()) + 'static,
    ) -> Self {
        let poll = Poll::new().unwrap();
        let events = poll.handle();
        let node = memory::node(network, poll, bootstrap).unwrap();
        PageNode::of(node, &events, around)
    }
}

impl<MC: MyDHTConf> PageNode<MC> {
    /// Starts a node of other components.
    pub fn of(
        mut node: MemoryNode<MC>,
        events: &Handle,
        around: impl Fn(&mut dyn FnMut()) + 'static,
    ) -> Self {
        let (handle, address, metrics) = (node.node(), node.address, node.metrics.clone());
        let ended = Once::new();
        let end = ended.clone();
        let task = js::spawn(events, move || {
            let mut turn = Ok(true);
            around(&mut || turn = node.turn());
            match turn {
                Ok(true) => return ControlFlow::Continue(()),
                Ok(false) => end.set(Ok(())),
                Err(error) => end.set(Err(error.to_string())),
            }
            ControlFlow::Break(())
        });
        PageNode {
            handle,
            address,
            metrics,
            task,
            ended,
        }
    }

    /// Asks, and gives the last that is heard.
    pub async fn ask(&self, request: impl Into<Request>) -> Event {
        let answer = Once::new();
        let hear = answer.clone();
        self.handle
            .request(request, move |event| {
                if !matches!(event, Event::Progress { .. }) {
                    hear.set(event);
                }
            })
            .unwrap();
        answer.wait().await
    }

    /// Tells it to end, and waits until it has.
    pub async fn stop(self) {
        self.handle.stop().unwrap();
        assert_eq!(self.ended.wait().await, Ok(()));
        assert!(self.handle.stop().is_err(), "it takes nothing any more");
        assert!(!self.task.is_running());
    }
}
