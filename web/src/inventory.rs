//! Contents of a browser's store, as `mydht store` lists those of a folder.

use std::io;

use mydht::store::{AttachmentStore, Chunks, IndexedDb, IndexedDbKV, KVStore, record_of};
use mydht::{AttachmentId, Key, Record, Value};

use crate::later::Woken;
use crate::profile::Profile;

/// Records that are listed at once.
const PAGE: usize = 64;

/// The stores of a profile, opened beside those of its node to look into them.
pub(crate) struct Inventory {
    records: IndexedDbKV,
    attachments: Chunks<IndexedDb>,
    woken: Woken,
}

/// A record, and how much of its content is here.
pub(crate) struct Stored {
    pub(crate) record: Record,
    pub(crate) here: u64,
    /// When it goes: milliseconds since 1970.
    pub(crate) expires: Option<u64>,
}

impl Stored {
    /// Returns the length of the content in bytes.
    pub(crate) fn size(&self) -> u64 {
        match &self.record.value {
            Value::Bytes(bytes) => bytes.len() as u64,
            Value::Attachment { id, .. } => id.len,
        }
    }

    /// Returns the kind of the key, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.record.key {
            Key::Content(_) => "the hash of its content",
            Key::Name(_) => "a name",
            Key::Signed(_) => "its signer's",
        }
    }
}

impl Inventory {
    /// Returns the inventory of this profile at this moment.
    ///
    /// # Errors
    /// What the browser says.
    pub(crate) async fn of(profile: &Profile) -> io::Result<Self> {
        let woken = Woken::new();
        let mut records = profile.records();
        let (mut attachments, _) = profile.attachments().await?;
        records.on_ready(woken.wake());
        attachments.on_ready(woken.wake());
        Ok(Inventory {
            records,
            attachments,
            woken,
        })
    }

    /// All records, and why those that cannot be read cannot.
    ///
    /// # Errors
    /// What the browser says.
    pub(crate) async fn list(&mut self) -> io::Result<(Vec<Stored>, Vec<String>)> {
        let (mut stored, mut damaged) = (Vec::new(), Vec::new());
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (records, woken) = (&mut self.records, &self.woken);
            let page = woken.done(|| records.page(after.as_deref(), PAGE)).await?;
            after = page.last().map(|listed| listed.key.clone());
            let ended = page.len() < PAGE;
            for listed in page {
                let (records, woken) = (&mut self.records, &self.woken);
                let Some(bytes) = woken.done(|| records.get(&listed.key)).await? else {
                    // It went meanwhile.
                    continue;
                };
                match record_of(&bytes) {
                    Ok(record) => stored.push(Stored {
                        here: self.here(&record).await?,
                        expires: listed.stay.expires(),
                        record,
                    }),
                    Err(why) => damaged.push(why.to_string()),
                }
            }
            if ended {
                return Ok((stored, damaged));
            }
        }
    }

    async fn here(&mut self, record: &Record) -> io::Result<u64> {
        match &record.value {
            Value::Bytes(bytes) => Ok(bytes.len() as u64),
            Value::Attachment { id, .. } => {
                let (attachments, woken) = (&mut self.attachments, &self.woken);
                if woken.done(|| attachments.is_whole(id)).await? {
                    return Ok(id.len);
                }
                Ok(woken.done(|| attachments.open(id)).await?.bytes(id))
            }
        }
    }

    /// Reads what is here of a record's content and checks it: why it is damaged, if it is.
    /// `progress` hears the bytes that were read of it.
    ///
    /// # Errors
    /// What the browser says.
    pub(crate) async fn verify(
        &mut self,
        record: &Record,
        mut progress: impl FnMut(u64),
    ) -> io::Result<Option<String>> {
        if record.is_forged() {
            return Ok(Some("the content does not belong to the key".into()));
        }
        let Value::Attachment { id, .. } = &record.value else {
            return Ok(None);
        };
        let have = match self.here(record).await? {
            0 if id.len > 0 => return Ok(Some("nothing of its content is here".into())),
            here if here == id.len => None,
            _ => Some(self.woken.done(|| self.attachments.open(id)).await?),
        };
        for part in 0..id.parts() {
            if have.as_ref().is_some_and(|have| !have.contains(part)) {
                continue;
            }
            match self.part(id, part).await {
                Ok(Some(len)) => progress(len),
                Ok(None) => return Ok(Some(format!("part {part} is not here"))),
                Err(why) => return Ok(Some(why.to_string())),
            }
        }
        Ok(None)
    }

    /// A part that is read is checked.
    async fn part(&mut self, id: &AttachmentId, part: u64) -> io::Result<Option<u64>> {
        let (attachments, woken) = (&mut self.attachments, &self.woken);
        let read = woken.done(|| attachments.read_part(id, part)).await?;
        Ok(read.map(|(bytes, _)| bytes.len() as u64))
    }
}
