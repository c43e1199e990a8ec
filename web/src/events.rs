//! Events for the page.

use js_sys::{Array, Object, Reflect};
use mydht::Value;
use mydht_rendezvous::Event;
use wasm_bindgen::JsValue;

use crate::inventory::Stored;

/// An object of these members.
pub(crate) fn object(members: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // It fails only for what cannot be extended, and this was just made.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

/// An event of the rendezvous client as JavaScript sees it; `None` for what is of no use there.
pub(crate) fn rendezvous(event: &Event) -> Option<JsValue> {
    let typed = |kind: &str, members: &[(&str, JsValue)]| {
        let mut all = vec![("type", JsValue::from(kind))];
        all.extend_from_slice(members);
        Some(object(&all))
    };
    let text = |what: &dyn std::fmt::Display| JsValue::from(what.to_string());
    match event {
        Event::State => typed("state", &[]),
        Event::Joined(room, members) => {
            let users: Array = members.iter().map(|user| text(user)).collect();
            typed("joined", &[("room", text(room)), ("users", users.into())])
        }
        Event::Entered(room, user) => {
            typed("entered", &[("room", text(room)), ("user", text(user))])
        }
        Event::Left(room, user) => typed("left", &[("room", text(room)), ("user", text(user))]),
        Event::RelayOpen(user) => typed("relay-open", &[("user", text(user))]),
        Event::RelayClosed(user, why) | Event::Unreachable(user, why) => {
            typed("relay-closed", &[("user", text(user)), ("why", text(why))])
        }
        Event::Dropped(user, why) => {
            let why = format!("a message that claims to be from this user was dropped: {why}");
            typed("warning", &[("user", text(user)), ("why", why.into())])
        }
        Event::Refused(refusal) => typed("warning", &[("why", text(&refusal.text))]),
        Event::Here(_)
        | Event::Away(_)
        | Event::Signal(..)
        | Event::RelayAsked(_)
        | Event::Frame(..) => None,
    }
}

/// A record that is kept.
pub(crate) fn stored(stored: &Stored) -> JsValue {
    // A u64 would become a BigInt, which JavaScript does not mix with numbers.
    let number = |count: u64| JsValue::from(count as f64);
    let record = &stored.record;
    let mut members = vec![
        ("key", record.key.to_string().into()),
        ("keyIs", stored.kind().into()),
        ("content", record.value.hash().to_string().into()),
        ("size", number(stored.size())),
        ("here", number(stored.here)),
    ];
    if let Value::Attachment { name, .. } = &record.value {
        members.push(("file", name.into()));
    }
    if let Some(expires) = stored.expires {
        members.push(("expires", number(expires)));
    }
    object(&members)
}
