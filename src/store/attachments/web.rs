//! Linked content that the browser reads: what is asked is answered later.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use js_sys::futures::spawn_local;

use super::super::Wake;
use crate::attachment::WebFile;
use crate::attachment::tree::PART_LEN;
use crate::record::AttachmentId;

/// What one reading gave.
type Answer = Rc<RefCell<Option<io::Result<Vec<u8>>>>>;

/// Reads parts, one at a time.
#[derive(Default)]
pub(super) struct Reads {
    wake: Option<Wake>,
    asked: Option<(AttachmentId, u64, Answer)>,
}

impl std::fmt::Debug for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let asked = self.asked.as_ref().map(|(id, part, _)| (id, part));
        f.debug_struct("Reads").field("asked", &asked).finish()
    }
}

impl Reads {
    /// Has `wake` called when what gave `WouldBlock` can go on.
    pub(super) fn on_ready(&mut self, wake: Wake) {
        self.wake = Some(wake);
    }

    /// A part of `file`, `len` bytes of it. Whoever asks for another has given the last up.
    ///
    /// # Errors
    /// When the browser cannot read it; `WouldBlock` to be asked again.
    pub(super) fn part(
        &mut self,
        id: &AttachmentId,
        part: u64,
        file: &WebFile,
        len: usize,
    ) -> io::Result<Vec<u8>> {
        if let Some((of, number, answer)) = &self.asked
            && (of, *number) == (id, part)
        {
            let Some(answer) = answer.take() else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            self.asked = None;
            return answer;
        }
        let answer = Answer::default();
        self.asked = Some((*id, part, Rc::clone(&answer)));
        let (file, wake) = (file.clone(), self.wake.clone());
        let start = part.saturating_mul(PART_LEN as u64);
        spawn_local(async move {
            let read = file.read(start, len as u64).await;
            answer.replace(Some(read));
            if let Some(wake) = wake {
                wake();
            }
        });
        Err(io::ErrorKind::WouldBlock.into())
    }
}
