//! One message is followed through the services by its span.
//!
//! A program of its own: `tracing` caches for each place in the code whether anybody listens, and a
//! test beside this one that listens to nothing would decide it.
#![cfg(test)]
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mydht::engine::Command;
use mydht::memory::{self, Network, settle};
use mydht::{Record, Value};
use mydht_evloop::VirtualClock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Events in spans called "message": the fields of the span, and the event.
#[derive(Clone, Default)]
struct Follow {
    lines: Arc<Mutex<Vec<(String, String)>>>,
    /// Commands that passed through a queue.
    passings: Arc<AtomicUsize>,
}

/// The target of the event for each command that passes through a queue of a node.
const QUEUE: &str = "mydht::queue";

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Follow {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if event.metadata().target() == QUEUE {
            self.passings.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let Some(span) = context.event_span(event) else {
            return;
        };
        let mut happened = Fields(String::new());
        event.record(&mut happened);
        let fields = span.extensions().get::<Fields>().map(|f| f.0.clone());
        let line = (fields.unwrap_or_default(), happened.0);
        self.lines.lock().unwrap().push(line);
    }
}

#[test]
fn a_message_is_followed_from_its_reading_to_the_answer() {
    let follow = Follow::default();
    let subscriber = tracing_subscriber::registry().with(follow.clone());
    tracing::subscriber::with_default(subscriber, || {
        let (clock, network) = (VirtualClock::new(1), Network::new());
        let first = memory::node(&network, clock.poll(), &[]).unwrap();
        let known = [first.address];
        let second = memory::node(&network, clock.poll(), &known).unwrap();
        let mut nodes = [first, second];
        settle(&clock, &mut nodes).unwrap();
        let record = Record::by_content(Value::Bytes(b"followed".to_vec()));
        let put = Command::Put { record, tree: None };
        nodes[1].node().request(put, |_| ()).unwrap();
        settle(&clock, &mut nodes).unwrap();
    });
    let lines = follow.lines.lock().unwrap();
    let of = |name: &str| -> Vec<&str> {
        let name = format!("name={name:?} ");
        let of_it = lines.iter().filter(|(fields, _)| fields.contains(&name));
        of_it
            .map(|(_, event)| {
                event
                    .trim_start_matches("message=")
                    .split(' ')
                    .next()
                    .unwrap()
            })
            .collect()
    };
    // Asked to keep a record: read, given to the protocol, kept, given to the protocol again, and answered.
    assert_eq!(
        of("STORE"),
        ["read", "protocol", "store", "protocol", "write"]
    );
    assert_eq!(of("STORED"), ["read", "protocol"]);
}

/// The simplest put: two nodes that are connected, a small value. Every passing through a queue of
/// either node counts, and so does the answer to the user. It took 28 when the protocol and the
/// handshakes were services.
#[test]
fn the_simplest_put_passes_through_14_queues() {
    let follow = Follow::default();
    let subscriber = tracing_subscriber::registry().with(follow.clone());
    tracing::subscriber::with_default(subscriber, || {
        let (clock, network) = (VirtualClock::new(1), Network::new());
        let first = memory::node(&network, clock.poll(), &[]).unwrap();
        let known = [first.address];
        let second = memory::node(&network, clock.poll(), &known).unwrap();
        let mut nodes = [first, second];
        settle(&clock, &mut nodes).unwrap();
        for value in [b"first", b"other"] {
            let record = Record::by_content(Value::Bytes(value.to_vec()));
            let put = Command::Put { record, tree: None };
            let answers = Arc::new(AtomicUsize::new(0));
            let heard = Arc::clone(&answers);
            let before = follow.passings.load(Ordering::Relaxed);
            let count = move |_| {
                heard.fetch_add(1, Ordering::Relaxed);
            };
            nodes[1].node().request(put, count).unwrap();
            settle(&clock, &mut nodes).unwrap();
            let queues = follow.passings.load(Ordering::Relaxed) - before;
            assert_eq!(answers.load(Ordering::Relaxed), 1);
            assert_eq!(queues + 1, 14);
        }
    });
}
