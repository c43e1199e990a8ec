//! Shapes from `Deserialize`: the type is deserialized from made-up values, and what it asks for is
//! noted.

mod at;

use serde::de::{self, DeserializeOwned};
use std::collections::HashMap;
use std::fmt;

use self::at::At;
use super::shape::{Id, Node, Shape};

/// Most that a type may be nested: the stack that tracing needs.
const DEPTH: usize = 128;
/// Most passes over a type; each finds a variant of each enum that it meets.
const PASSES: usize = 4096;
/// Failures after which a variant is given up. Once is not enough: what it contains may need
/// another enum to be known first.
const TRIES: u8 = 3;

/// Why a type has no [`Shape`]: its `Deserialize` refuses made-up values, asks what is there
/// (bincode cannot say), or reads other things when it meets other values. Read such messages
/// without a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untraceable(String);

impl fmt::Display for Untraceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the type has no shape: {}", self.0)
    }
}

impl std::error::Error for Untraceable {}

impl de::Error for Untraceable {
    fn custom<T: fmt::Display>(msg: T) -> Self {
        Self(msg.to_string())
    }
}

impl Shape {
    /// Traces `T` by its `Deserialize`. Do it once per type and clone the shape. Variants that
    /// refuse made-up values are left out: messages with them are read as if there were no shape.
    ///
    /// # Errors
    /// [`Untraceable`] says why there is none.
    ///
    /// ```
    /// use readwrite_comp::{Replay, ReplayLimits, Shape};
    ///
    /// type Message = (u64, Option<String>, Vec<u32>);
    /// let replay = Replay::with_shape(ReplayLimits::default(), Shape::of::<Message>()?);
    /// # let _ = replay;
    /// # Ok::<(), readwrite_comp::Untraceable>(())
    /// ```
    pub fn of<T: DeserializeOwned>() -> Result<Self, Untraceable> {
        // Twice, with other values: a `Deserialize` that looks at them asks for other things.
        let one = Tracer::trace::<T>(Values {
            number: 1,
            truth: true,
            text: "1",
        })?;
        let two = Tracer::trace::<T>(Values {
            number: 2,
            truth: false,
            text: "",
        })?;
        if one != two {
            return Err(Untraceable("it depends on the values".into()));
        }
        let (nodes, root) = one;
        Ok(Self::new(nodes, root))
    }
}

/// Made-up values.
#[derive(Clone, Copy)]
struct Values {
    number: u8,
    truth: bool,
    text: &'static str,
}

#[derive(Clone, Copy)]
enum Variant {
    /// With the number of times that it failed.
    Unseen(u8),
    /// On its way.
    Open,
    Known(Id),
    Untraceable,
}

/// An enum, as far as it is known.
struct Variants {
    all: Vec<Variant>,
    /// The variant that was known first: it needs none of this enum within, nor of enums that were
    /// known later, so a value of it has an end.
    base: Option<usize>,
}

impl Variants {
    fn known(&self) -> impl Iterator<Item = (usize, Id)> {
        let known = |(i, variant): (usize, &Variant)| match variant {
            Variant::Known(id) => Some((i, *id)),
            _ => None,
        };
        self.all.iter().enumerate().filter_map(known)
    }
}

/// Key of a node: the type of the visitor that asked for it, what it asked for, and how many.
type Key = (&'static str, Ask, usize);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Ask {
    Fixed,
    Char,
    Bytes,
    Many,
    Pair,
    Option,
    All,
    Enum,
}

struct Tracer {
    values: Values,
    ids: HashMap<Key, Id>,
    /// None: not known yet.
    nodes: Vec<Option<Node>>,
    enums: HashMap<Id, Variants>,
    /// The pass in which an option, a list, a map or a known enum was last gone into.
    visited: Vec<usize>,
    /// Steps from a node to an enum with variants that were not seen.
    far: Vec<Option<u32>>,
    pass: usize,
    depth: usize,
    /// In this pass a variant failed; those around it did not.
    failed: bool,
    /// In this pass something came to be known.
    progress: bool,
    /// A node was not the same twice.
    unsteady: bool,
}

impl Tracer {
    fn trace<T: DeserializeOwned>(values: Values) -> Result<(Vec<Node>, Id), Untraceable> {
        let mut tracer = Self {
            values,
            ids: HashMap::new(),
            nodes: Vec::new(),
            enums: HashMap::new(),
            visited: Vec::new(),
            far: Vec::new(),
            pass: 0,
            depth: 0,
            failed: false,
            progress: true,
            unsteady: false,
        };
        let mut root = None;
        // A pass tries one variant of each enum that it meets, so there are several.
        while tracer.progress && tracer.pass < PASSES {
            tracer.pass += 1;
            tracer.progress = false;
            tracer.failed = false;
            tracer.depth = 0;
            tracer.measure();
            let traced = T::deserialize(At {
                tracer: &mut tracer,
                id: &mut root,
            });
            // If a variant failed, the others are tried in the next pass.
            if let Err(e) = traced
                && !tracer.failed
            {
                return Err(e);
            }
            if tracer.unsteady {
                return Err(Untraceable("it asks for other things each time".into()));
            }
        }
        let root = root.ok_or_else(|| Untraceable("it asks for nothing".into()))?;
        Ok((tracer.finish(), root))
    }

    fn finish(mut self) -> Vec<Node> {
        for (id, variants) in self.enums {
            let known = variants.all.iter().map(|variant| match variant {
                Variant::Known(id) => Some(*id),
                _ => None,
            });
            self.nodes[id as usize] = Some(Node::Variants(known.collect()));
        }
        // What was never gone into cannot be told: an enum without variants.
        let unknown = || Node::Variants(Vec::new());
        self.nodes
            .into_iter()
            .map(|node| node.unwrap_or_else(unknown))
            .collect()
    }

    fn id(&mut self, key: Key) -> Id {
        let next = self.nodes.len() as Id;
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.nodes.push(None);
            self.visited.push(0);
        }
        id
    }

    fn set(&mut self, id: Id, node: Node) {
        let place = &mut self.nodes[id as usize];
        match place {
            None => {
                *place = Some(node);
                self.progress = true;
            }
            Some(known) => self.unsteady |= *known != node,
        }
    }

    /// True the first time in a pass: once is enough, and within itself it would have no end.
    fn enter(&mut self, id: Id) -> bool {
        std::mem::replace(&mut self.visited[id as usize], self.pass) != self.pass
    }

    /// Finds the ways to what was not seen.
    fn measure(&mut self) {
        self.far = vec![None; self.nodes.len()];
        for (id, variants) in &self.enums {
            let unseen = |variant: &Variant| matches!(variant, Variant::Unseen(_));
            if variants.all.iter().any(unseen) {
                self.far[*id as usize] = Some(0);
            }
        }
        // Nodes refer to each other in circles, so the distances are lowered until none changes.
        let mut changed = true;
        while changed {
            changed = false;
            for id in 0..self.nodes.len() {
                let near = match &self.nodes[id] {
                    Some(Node::Many(part) | Node::Option(part)) => self.near([*part]),
                    Some(Node::All(parts)) => self.near(parts.iter().copied()),
                    _ => match self.enums.get(&(id as Id)) {
                        Some(variants) => self.near(variants.known().map(|(_, part)| part)),
                        None => None,
                    },
                };
                let through = near.map(|steps| steps + 1);
                if let Some(steps) = through
                    && self.far[id].is_none_or(|known| steps < known)
                {
                    self.far[id] = through;
                    changed = true;
                }
            }
        }
    }

    fn near(&self, parts: impl IntoIterator<Item = Id>) -> Option<u32> {
        let far = |id: Id| *self.far.get(id as usize)?;
        parts.into_iter().filter_map(far).min()
    }

    /// The variant to make up; if it is not known yet, with how often it was tried.
    fn choose(&mut self, id: Id, count: usize) -> Result<(usize, Option<u8>), Untraceable> {
        // Within itself an enum has an end only by its base.
        let first = self.enter(id);
        let variants = self.enums.entry(id).or_insert_with(|| Variants {
            all: vec![Variant::Unseen(0); count],
            base: None,
        });
        let unseen = variants.all.iter().enumerate();
        let unseen = unseen.filter_map(|(i, variant)| match variant {
            Variant::Unseen(tries) => Some((*tries, i)),
            _ => None,
        });
        match (unseen.min(), variants.base) {
            (Some((tries, i)), _) => {
                variants.all[i] = Variant::Open;
                Ok((i, Some(tries)))
            }
            (None, Some(base)) => {
                let far = |id: Id| *self.far.get(id as usize)?;
                let ways = variants
                    .known()
                    .filter_map(|(i, part)| Some((far(part)?, i)));
                let way = ways.min().filter(|_| first);
                Ok((way.map_or(base, |(_, i)| i), None))
            }
            (None, None) => Err(Untraceable("it contains itself without an end".into())),
        }
    }

    /// Notes the outcome of a variant that was tried the first time, from the number of tries
    /// before.
    fn chosen(&mut self, id: Id, i: usize, tries: u8, known: Option<Id>) {
        // Only the innermost one is to blame.
        let first = !self.failed;
        self.failed |= known.is_none();
        let Some(variants) = self.enums.get_mut(&id) else {
            return;
        };
        variants.all[i] = match known {
            Some(known) => {
                variants.base.get_or_insert(i);
                Variant::Known(known)
            }
            None if !first => Variant::Unseen(tries),
            None if tries + 1 == TRIES => Variant::Untraceable,
            None => Variant::Unseen(tries + 1),
        };
        self.progress = true;
    }
}
