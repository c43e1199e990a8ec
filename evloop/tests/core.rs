//! The core against a model with vectors and linear searches: the ready queue, its left-behind
//! keys, generations.
#![cfg(not(target_arch = "wasm32"))]

use mydht_evloop::core::{Core, Interest, Key, Trigger};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Insert(u16, Trigger, bool, u16),
    Modify(usize, u16, Trigger, bool),
    Remove(usize),
    Set(usize, u16),
    Wake(usize, u16),
    Trigger(usize, u16),
    Update(usize, u16, u16),
    Harvest(usize),
    HasReady,
}

fn trigger() -> impl Strategy<Value = Trigger> {
    prop_oneof![
        Just(Trigger::Edge),
        Just(Trigger::Level),
        Just(Trigger::Pulse)
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let (source, bits) = (any::<usize>(), 0_u16..8);
    prop_oneof![
        3 => (bits.clone(), trigger(), any::<bool>(), bits.clone()).prop_map(|(m, t, o, r)| Op::Insert(m, t, o, r)),
        1 => (source, bits.clone(), trigger(), any::<bool>()).prop_map(|(s, m, t, o)| Op::Modify(s, m, t, o)),
        2 => source.prop_map(Op::Remove),
        4 => (source, bits.clone()).prop_map(|(s, r)| Op::Set(s, r)),
        2 => (source, bits.clone()).prop_map(|(s, r)| Op::Wake(s, r)),
        2 => (source, bits.clone()).prop_map(|(s, r)| Op::Trigger(s, r)),
        1 => (source, bits.clone(), bits).prop_map(|(s, r, w)| Op::Update(s, r, w)),
        2 => (0_usize..6).prop_map(Op::Harvest),
        1 => Just(Op::HasReady),
    ]
}

#[derive(Clone, Debug)]
struct Source {
    token: usize,
    mask: u16,
    trigger: Trigger,
    oneshot: bool,
    ready: u16,
}

/// Sources by the number of their insertion, `None` once removed; the ready list by the same
/// numbers.
#[derive(Clone, Debug, Default)]
struct Model {
    sources: Vec<Option<Source>>,
    list: Vec<usize>,
}

impl Model {
    fn insert(&mut self, token: usize, mask: u16, trigger: Trigger, oneshot: bool, ready: u16) {
        let number = self.sources.len();
        self.sources.push(Some(Source {
            token,
            mask,
            trigger,
            oneshot,
            ready,
        }));
        self.link(number, ready);
    }

    fn link(&mut self, number: usize, woken: u16) {
        let Some(source) = &self.sources[number] else {
            return;
        };
        if woken & source.mask != 0 && !self.list.contains(&number) {
            self.list.push(number);
        }
    }

    fn set(&mut self, number: usize, ready: u16, woken: u16) {
        if let Some(source) = &mut self.sources[number] {
            source.ready = ready;
            self.link(number, woken);
        }
    }

    fn ready(&self, number: usize) -> u16 {
        self.sources[number].as_ref().map_or(0, |s| s.ready)
    }

    fn harvest(&mut self, capacity: usize) -> Vec<(usize, u16)> {
        let mut fired = Vec::new();
        for _ in 0..self.list.len() {
            if fired.len() == capacity {
                break;
            }
            let number = self.list.remove(0);
            let Some(source) = &mut self.sources[number] else {
                continue;
            };
            let effective = source.ready & source.mask;
            if effective == 0 {
                continue;
            }
            fired.push((source.token, effective));
            if source.oneshot {
                source.mask = 0;
            }
            match source.trigger {
                Trigger::Pulse => source.ready = 0,
                Trigger::Level if source.mask != 0 => self.list.push(number),
                Trigger::Level | Trigger::Edge => {}
            }
        }
        fired
    }
}

fn interest(mask: u16, trigger: Trigger, oneshot: bool) -> Interest {
    Interest {
        mask,
        trigger,
        oneshot,
    }
}

/// Applies `op` to both and compares what they give.
fn step(core: &mut Core, keys: &mut Vec<Key>, model: &mut Model, op: &Op) {
    let pick = |number: usize| (!keys.is_empty()).then(|| number % keys.len());
    match *op {
        Op::Insert(mask, trigger, oneshot, ready) => {
            let token = keys.len();
            keys.push(core.insert(token, interest(mask, trigger, oneshot), ready));
            model.insert(token, mask, trigger, oneshot, ready);
        }
        Op::Harvest(capacity) => {
            let mut fired = Vec::new();
            let count = core.harvest(capacity, |event| fired.push((event.token, event.ready)));
            assert_eq!(count, fired.len());
            assert_eq!(fired, model.harvest(capacity));
        }
        Op::HasReady => {
            let ready = |number: &usize| {
                model.sources[*number]
                    .as_ref()
                    .is_some_and(|source| source.ready & source.mask != 0)
            };
            assert_eq!(core.has_ready(), model.list.iter().any(ready));
            // What was cleared is taken off at the head only; the rest keeps its place.
            while model.list.first().is_some_and(|number| !ready(number)) {
                model.list.remove(0);
            }
        }
        Op::Modify(number, mask, trigger, oneshot) => {
            let Some(number) = pick(number) else { return };
            let known = model.sources[number].is_some();
            let done = core.modify(
                keys[number],
                1000 + number,
                interest(mask, trigger, oneshot),
            );
            assert_eq!(done.is_ok(), known);
            if let Some(source) = &mut model.sources[number] {
                source.token = 1000 + number;
                (source.mask, source.trigger, source.oneshot) = (mask, trigger, oneshot);
                model.link(number, model.ready(number));
            }
        }
        Op::Remove(number) => {
            let Some(number) = pick(number) else { return };
            let known = model.sources[number].take().is_some();
            assert_eq!(core.remove(keys[number]).is_ok(), known);
            model.list.retain(|other| *other != number);
        }
        Op::Set(number, ready) => {
            let Some(number) = pick(number) else { return };
            core.set(keys[number], ready);
            model.set(number, ready, ready);
        }
        Op::Update(number, ready, woken) => {
            let Some(number) = pick(number) else { return };
            let known = model.sources[number].is_some();
            assert_eq!(core.update(keys[number], ready, woken).is_ok(), known);
            model.set(number, ready, woken);
        }
        Op::Wake(number, ready) => {
            let Some(number) = pick(number) else { return };
            core.wake(keys[number], ready);
            model.set(number, model.ready(number) | ready, ready);
        }
        Op::Trigger(number, ready) => {
            let Some(number) = pick(number) else { return };
            let known = model.sources[number].is_some();
            assert_eq!(core.trigger(keys[number], ready).is_ok(), known);
            let pending = if model.list.contains(&number) {
                model.ready(number)
            } else {
                0
            };
            model.set(number, pending | ready, ready);
        }
    }
    assert_eq!(core.ready_len(), model.list.len());
    assert_eq!(
        core.len(),
        model.sources.iter().filter(|s| s.is_some()).count()
    );
}

proptest! {
    #[test]
    fn the_core_agrees_with_its_model(ops in proptest::collection::vec(op(), 0..400)) {
        let (mut core, mut keys, mut model) = (Core::new(), Vec::new(), Model::default());
        for op in &ops {
            step(&mut core, &mut keys, &mut model, op);
        }
    }

    /// Compares reporting at once with setting and then harvesting, where nothing else waits.
    #[test]
    fn reporting_at_once_is_setting_and_harvesting(
        sources in proptest::collection::vec((0_u16..4, trigger(), any::<bool>(), 0_u16..4), 1..40)
    ) {
        let (mut one, mut two) = (Core::new(), Core::new());
        let keys: Vec<_> = sources.iter().enumerate().map(|(token, (mask, trigger, oneshot, _))| {
            let interest = interest(*mask, *trigger, *oneshot);
            let key = one.insert(token, interest, 0);
            assert_eq!(two.insert(token, interest, 0), key);
            key
        }).collect();
        let mut at_once = Vec::new();
        for (key, (.., ready)) in keys.iter().zip(&sources) {
            at_once.extend(one.set_and_report(*key, *ready));
            two.set(*key, *ready);
        }
        for _ in 0..3 {
            let mut later = Vec::new();
            two.harvest(usize::MAX, |event| later.push(event));
            prop_assert_eq!(&at_once, &later);
            at_once.clear();
            one.harvest(usize::MAX, |event| at_once.push(event));
        }
    }
}
