//! Linked content that the browser reads: what is asked is answered later.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use js_sys::futures::spawn_local;

use super::super::Wake;
use super::slices::{SLICE, Slice, place};
use crate::WebFile;
use mydht_proto::record::AttachmentId;

/// Slices held: four mebibytes. A node that serves more files at once reads some slices more than
/// once.
const HELD: usize = 4;

/// Result of one read, once it has finished.
type Answer = Rc<RefCell<Option<io::Result<Vec<u8>>>>>;

/// Reads parts by slices of several: each asking of the browser takes its time, whatever it is
/// asked for. Where a slice begins to be used, the next one is asked for.
#[derive(Default)]
pub(super) struct Reads {
    /// Callback for each finished read, whichever request began it.
    wake: Rc<RefCell<Option<Wake>>>,
    /// The one that was used last is the last.
    held: VecDeque<(Slice, Answer)>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held: Vec<_> = self.held.iter().map(|(slice, _)| slice).collect();
        f.debug_struct("Reads").field("held", &held).finish()
    }
}

impl Reads {
    /// Has `wake` called when what gave `WouldBlock` can go on.
    pub(super) fn on_ready(&mut self, wake: Wake) {
        self.wake.replace(Some(wake));
    }

    /// Drops the slices read of an attachment, whose content is another file from now on.
    pub(super) fn forget(&mut self, id: &AttachmentId) {
        self.held.retain(|(slice, _)| slice.of() != id);
    }

    /// A part of `file`.
    ///
    /// # Errors
    /// When the browser cannot read it; `WouldBlock` to be asked again.
    pub(super) fn part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        file: &WebFile,
    ) -> io::Result<Vec<u8>> {
        let (slice, range) = place(id, part).ok_or(io::ErrorKind::NotFound)?;
        let answer = self.asked(slice, file);
        if let Some(next) = slice.next() {
            self.asked(next, file);
            // The one that is used now goes last.
            self.asked(slice, file);
        }
        let answer = answer.borrow();
        let given = match &*answer {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Ok(bytes)) => match bytes.get(range) {
                Some(bytes) => return Ok(bytes.to_vec()),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
            Some(Err(error)) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        if answer.is_some() {
            // It may be there again when it is asked for again.
            self.held.retain(|(held, _)| *held != slice);
        }
        given
    }

    /// The answer about a slice, which is asked for if it was not.
    fn asked(&mut self, slice: Slice, file: &WebFile) -> Answer {
        let found = self.held.iter().position(|(held, _)| *held == slice);
        let held = match found.and_then(|at| self.held.remove(at)) {
            Some(held) => held,
            None => (slice, self.ask(slice, file)),
        };
        let answer = Rc::clone(&held.1);
        while self.held.len() >= HELD {
            self.held.pop_front();
        }
        self.held.push_back(held);
        answer
    }

    fn ask(&self, slice: Slice, file: &WebFile) -> Answer {
        let answer = Answer::default();
        let (told, file, wake) = (Rc::clone(&answer), file.clone(), Rc::clone(&self.wake));
        spawn_local(async move {
            let read = file.read(slice.start(), SLICE).await;
            told.replace(Some(read));
            // Cloned, so that the borrow ends before foreign code is called.
            let wake = wake.borrow().clone();
            if let Some(wake) = wake {
                wake();
            }
        });
        answer
    }
}
