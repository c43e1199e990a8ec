use super::shape::{Id, Node, Shape, VARIANT};

/// Bytes of a length.
const LENGTH: usize = 8;
/// Depth of nesting at which the scan gives up. Lists are no deeper than their elements.
const DEPTH: usize = 256;

/// Rest of something with parts.
#[derive(Clone, Copy, Debug)]
struct Frame {
    id: Id,
    /// Parts that are still to come.
    left: u64,
}

/// Goes over the bytes of a message as they come and knows how many more there must be. It looks at
/// each length once.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    shape: Shape,
    /// Position of the next length in the message.
    at: usize,
    stack: Vec<Frame>,
    begun: bool,
    lost: bool,
    /// Last result of `least`.
    least: usize,
}

/// Result of scanning one node.
enum Step {
    /// The node is behind `at` now.
    Over,
    /// Its parts follow.
    Into(Frame),
    /// The end cannot be told before so many bytes of the message are here.
    Wait(usize),
    Lost,
}

impl Scan {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            at: 0,
            stack: Vec::new(),
            begun: false,
            lost: false,
            least: 0,
        }
    }

    /// Begins with another message.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.stack.clear();
        self.begun = false;
        self.lost = false;
        self.least = 0;
    }

    /// Returns the last result of [`least`](Self::least); None if the scan is lost.
    #[inline]
    pub(super) fn known(&self) -> Option<usize> {
        (!self.lost).then_some(self.least)
    }

    /// The shape was wrong about this message: nothing more is said of it.
    pub(super) fn give_up(&mut self) {
        self.lost = true;
    }

    /// Returns the least length of the message, told from its first bytes; the whole length, if
    /// those are here. None if that cannot be told.
    pub(super) fn least(&mut self, bytes: &[u8]) -> Option<usize> {
        let least = self.scan(bytes)?;
        self.least = least;
        Some(least)
    }

    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        // A handle of its own: the scan changes while it is read.
        let nodes = self.shape.nodes.clone();
        while !self.lost {
            let id = match self.stack.last() {
                None if self.begun => return Some(self.at),
                None => self.shape.root,
                Some(frame) if frame.left == 0 => {
                    self.stack.pop();
                    continue;
                }
                Some(frame) => match nodes.get(frame.id as usize) {
                    Some(Node::Many(part)) => *part,
                    // `left` counts down from the number of parts, so they are taken in order.
                    Some(Node::All(parts)) => parts[parts.len() - frame.left as usize],
                    // No other node has parts.
                    _ => break,
                },
            };
            let step = self.step(&nodes, id, bytes);
            // Before the part is counted: it is asked for again when more bytes are here.
            if let Step::Wait(least) = step {
                return Some(least);
            }
            match self.stack.last_mut() {
                Some(frame) => frame.left -= 1,
                None => self.begun = true,
            }
            match step {
                Step::Over | Step::Wait(_) => {}
                Step::Into(frame) => {
                    // Nothing is kept of what has no more parts, so a long list is not a deep one.
                    if self.stack.last().is_some_and(|last| last.left == 0) {
                        self.stack.pop();
                    }
                    self.lost = self.stack.len() == DEPTH;
                    self.stack.push(frame);
                }
                Step::Lost => self.lost = true,
            }
        }
        None
    }

    fn step(&mut self, nodes: &[Node], id: Id, bytes: &[u8]) -> Step {
        let node = |id: Id| nodes.get(id as usize).unwrap_or(&Node::Fixed(0));
        let rest = bytes.get(self.at..).unwrap_or_default();
        match node(id) {
            Node::Fixed(n) => self.pass(0, *n),
            Node::Char => match rest.first() {
                Some(first) => self.pass(0, utf8_length(*first)),
                None => Step::Wait(self.at.saturating_add(1)),
            },
            Node::Bytes => match length(rest) {
                Some(Some(n)) => self.pass(LENGTH, n),
                Some(None) => Step::Lost,
                None => Step::Wait(self.at.saturating_add(LENGTH)),
            },
            Node::Many(part) => match (length(rest), node(*part)) {
                // Parts of one size are passed over at once, however many a peer claims.
                (Some(Some(n)), Node::Fixed(size)) => match n.checked_mul(*size) {
                    Some(n) => self.pass(LENGTH, n),
                    None => Step::Lost,
                },
                // Each of these takes a byte at least, so the scan ends with the bytes, whatever
                // `n` claims.
                (Some(Some(n)), _) => {
                    self.at += LENGTH;
                    let left = n as u64;
                    Step::Into(Frame { id, left })
                }
                (Some(None), _) => Step::Lost,
                (None, _) => Step::Wait(self.at.saturating_add(LENGTH)),
            },
            Node::Option(part) => match rest.first() {
                Some(0) => self.pass(1, 0),
                Some(1) => self.into(nodes, 1, *part),
                Some(_) => Step::Lost,
                None => Step::Wait(self.at.saturating_add(1)),
            },
            Node::All(parts) => Step::Into(Frame {
                id,
                left: parts.len() as u64,
            }),
            Node::Variants(variants) => match rest.first_chunk::<VARIANT>() {
                Some(number) => {
                    let number = u32::from_le_bytes(*number) as usize;
                    match variants.get(number) {
                        Some(Some(part)) => self.into(nodes, VARIANT, *part),
                        _ => Step::Lost,
                    }
                }
                None => Step::Wait(self.at.saturating_add(VARIANT)),
            },
        }
    }

    /// Goes over a head and what is behind it.
    fn pass(&mut self, head: usize, n: usize) -> Step {
        match self.at.checked_add(head).and_then(|at| at.checked_add(n)) {
            Some(at) => {
                self.at = at;
                Step::Over
            }
            None => Step::Lost,
        }
    }

    /// Goes over a head; `part` follows, by itself.
    fn into(&mut self, nodes: &[Node], head: usize, part: Id) -> Step {
        match nodes.get(part as usize) {
            Some(Node::Fixed(n)) => self.pass(head, *n),
            Some(Node::All(parts)) => {
                self.at += head;
                Step::Into(Frame {
                    id: part,
                    left: parts.len() as u64,
                })
            }
            // A shape has nothing else here.
            _ => Step::Lost,
        }
    }
}

/// The length that `bytes` begin with; the inner None for one that no memory can hold.
fn length(bytes: &[u8]) -> Option<Option<usize>> {
    let length = u64::from_le_bytes(*bytes.first_chunk::<LENGTH>()?);
    Some(usize::try_from(length).ok())
}

/// Returns the number of bytes of a character by its first byte: RFC 3629, section 3. Others are
/// for the decoder to refuse.
fn utf8_length(first: u8) -> usize {
    match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
