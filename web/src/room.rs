//! Connects a node with those in its room.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use mydht::Address;
use mydht::Node;
use mydht_evloop::Handle;
use mydht_rendezvous::{Connection, Dialer, Event, Path, UserId};
use wasm_bindgen_futures::spawn_local;

use crate::conf::Conf;
use crate::time::sleep;

/// Milliseconds between looks for members that are not connected.
const LOOK_EVERY: f64 = 500.0;

/// Members of a room, and the node's connections with them. It goes on as long as somebody holds
/// it.
pub(crate) struct Room(RefCell<Dialer>);

impl Room {
    pub(crate) fn new(own: UserId) -> Rc<Self> {
        Rc::new(Room(RefCell::new(Dialer::new(own.into()))))
    }

    /// Hears who comes and goes.
    pub(crate) fn hear(&self, event: &Event) {
        let mut dialer = self.0.borrow_mut();
        match event {
            Event::Joined(_, users) => {
                dialer.join(users.iter().map(|user| (*user).into()));
            }
            Event::Entered(_, user) => dialer.come((*user).into()),
            Event::Left(_, user) => dialer.leave(&(*user).into()),
            _ => {}
        }
    }

    /// Connects `node` with those that it hears of, from now on.
    pub(crate) fn meet(self: &Rc<Self>, node: Node<Conf>, events: Handle) {
        // Weak, so that this task ends with the node.
        let room = Rc::downgrade(self);
        spawn_local(async move {
            while look(&room, &node, &events).await.is_some() {
                sleep(LOOK_EVERY).await;
            }
        });
    }
}

/// `None` when the room or the node is no more.
async fn look(room: &Weak<Room>, node: &Node<Conf>, events: &Handle) -> Option<()> {
    let links = node.links().await.ok()?;
    let ways: Vec<Connection> = links.iter().filter_map(Connection::of).collect();
    // The borrow must not outlive this line: `hear` may borrow the dialer during an await.
    let wanted = room.upgrade()?.0.borrow_mut().turn(events.now(), &ways);
    for (peer, path) in wanted {
        node.connect(&match path {
            Path::Direct => Address::WebRtc(peer),
            Path::Relayed => Address::Relay(peer),
        })
        .ok()?;
    }
    Some(())
}
