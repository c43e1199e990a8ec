//! A commit as bytes that show whether they are whole.
//!
//! | bytes | of a frame |
//! |---|---|
//! | 4 | the letters `kvc1` |
//! | 8 | its number, from 0, little-endian as all numbers |
//! | 4 | the length of the body |
//! | 16 | the first bytes of the BLAKE3 hash of the 16 before and the body |
//! | … | the body |
//!
//! The body has for each change: a 0 (removed) or 1 (put), the key's length (4), for a put its
//! expiry (8, as `Stay::bits`) and the value's length (4), the key, and the value.

use std::io;

use super::{Entry, Stay};

const MAGIC: &[u8; 4] = b"kvc1";

/// Bytes before the body: letters, number, length, hash.
pub(super) const HEAD: usize = 4 + 8 + 4 + 16;

/// Position of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// From the beginning of the body.
    pub(super) offset: u64,
    pub(super) len: u32,
    pub(super) stay: Stay,
}

fn hash(head: &[u8], body: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head).update(body);
    let mut short = [0; 16];
    hasher.finalize_xof().fill(&mut short);
    short
}

/// Encodes a commit as a frame.
///
/// # Errors
/// `FileTooLarge` if it is 4 GiB or more.
pub(super) fn frame<'a>(
    number: u64,
    changes: impl Iterator<Item = (&'a [u8], Option<&'a Entry>)>,
) -> io::Result<Vec<u8>> {
    let short = |len: usize| u32::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge);
    let mut frame = vec![0; HEAD];
    for (key, change) in changes {
        frame.push(u8::from(change.is_some()));
        frame.extend(short(key.len())?.to_le_bytes());
        if let Some(entry) = change {
            frame.extend(entry.stay.bits().to_le_bytes());
            frame.extend(short(entry.value.len())?.to_le_bytes());
        }
        frame.extend(key);
        frame.extend(change.map_or(&[][..], |entry| &entry.value));
    }
    let len = short(frame.len() - HEAD)?;
    frame[..4].copy_from_slice(MAGIC);
    frame[4..12].copy_from_slice(&number.to_le_bytes());
    frame[12..16].copy_from_slice(&len.to_le_bytes());
    let hash = hash(&frame[..16], &frame[HEAD..]);
    frame[16..HEAD].copy_from_slice(&hash);
    Ok(frame)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn number<const N: usize>(bytes: &mut &[u8]) -> Option<u64> {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(take(bytes, N)?);
    Some(u64::from_le_bytes(wide))
}

/// The changes of a body: key, and where in the body its value is and how long it stays.
pub(super) fn changes(body: &[u8]) -> Option<Vec<(&[u8], Option<Place>)>> {
    let mut rest = body;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let put = number::<1>(&mut rest)? == 1;
        let key_len = usize::try_from(number::<4>(&mut rest)?).ok()?;
        let (stay, len) = match put {
            true => (number::<8>(&mut rest)?, number::<4>(&mut rest)?),
            false => (0, 0),
        };
        let key = take(&mut rest, key_len)?;
        let place = Place {
            offset: (body.len() - rest.len()) as u64,
            len: u32::try_from(len).ok()?,
            stay: Stay::from_bits(stay),
        };
        take(&mut rest, usize::try_from(len).ok()?)?;
        found.push((key, put.then_some(place)));
    }
    Some(found)
}

/// The number and the body of the frame at the beginning of `bytes`, if it is whole.
pub(super) fn whole(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let mut fields = head.strip_prefix(MAGIC)?;
    let (at, len) = (number::<8>(&mut fields)?, number::<4>(&mut fields)?);
    let body = rest.get(..usize::try_from(len).ok()?)?;
    (hash(&head[..16], body) == fields).then_some((at, body))
}

/// The changes of a body, values and all.
#[cfg(target_arch = "wasm32")]
pub(super) fn parse(body: &[u8]) -> Option<super::Changes> {
    let change = |(key, place): (&[u8], Option<Place>)| {
        let entry = match place {
            Some(Place { offset, len, stay }) => {
                let start = usize::try_from(offset).ok()?;
                let value = body.get(start..start + usize::try_from(len).ok()?)?;
                let value = value.to_vec();
                Some(Entry { value, stay })
            }
            None => None,
        };
        Some((key.to_vec(), entry))
    };
    changes(body)?.into_iter().map(change).collect()
}
