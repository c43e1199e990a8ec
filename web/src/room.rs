//! The members of the node's room, each of which it is connected with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use js_sys::{Function, Promise};
use mydht_transports::signal::{Event, UserId};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// How long after a connection was lost it is tried again, in milliseconds.
const AGAIN_AFTER: f64 = 3000.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;
}

async fn sleep(milliseconds: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    });
    // It is never rejected.
    let _ = JsFuture::from(promise).await;
}

/// Follows who is in the room. Clones are the same.
#[derive(Clone)]
pub(crate) struct Room {
    own: UserId,
    members: Rc<RefCell<BTreeSet<UserId>>>,
    connect: Rc<dyn Fn(UserId)>,
}

impl Room {
    pub(crate) fn new(own: UserId, connect: impl Fn(UserId) + 'static) -> Self {
        Room {
            own,
            members: Rc::default(),
            connect: Rc::new(connect),
        }
    }

    pub(crate) fn hear(&self, event: &Event) {
        match event {
            Event::Joined(_, users) => {
                *self.members.borrow_mut() = users.iter().copied().collect();
                users.iter().for_each(|user| self.meet(*user));
            }
            Event::Entered(_, user) => {
                self.members.borrow_mut().insert(*user);
                self.meet(*user);
            }
            Event::Left(_, user) => {
                self.members.borrow_mut().remove(user);
            }
            Event::RelayClosed(user, _) => self.meet_later(*user),
            _ => {}
        }
    }

    /// Of two that meet, the one with the smaller id connects.
    fn meet(&self, user: UserId) {
        if self.own < user {
            (self.connect)(user);
        }
    }

    fn meet_later(&self, user: UserId) {
        let room = self.clone();
        spawn_local(async move {
            sleep(AGAIN_AFTER).await;
            let is_here = room.members.borrow().contains(&user);
            if is_here {
                room.meet(user);
            }
        });
    }
}
