//! Attachments in a folder, and in chunks over redb and over a plain file.

use std::fmt::Write;
use std::time::Instant;

use mydht::attachment::ReceivedPart;
use mydht::attachment::tree::{PART_LEN, PartHasher, Tree};
use mydht::store::{AttachmentStore, Chunks, FileAttachments, LogFile, Redb};

use crate::{Outcome, median};

const MIB: usize = 64;

/// MiB/s of writing all parts, and of reading them.
fn measure(
    store: &mut impl AttachmentStore,
    parts: &[(ReceivedPart, Vec<[u8; 32]>)],
    tree: &Tree,
) -> Outcome<[f64; 2]> {
    let id = tree.id();
    let start = Instant::now();
    store.open(&id)?;
    for (part, (received, proof)) in (0..).zip(parts) {
        store.write_part(&id, part, received, proof)?;
    }
    store.flush()?;
    let written = start.elapsed().as_secs_f64();
    let start = Instant::now();
    for part in 0..id.parts() {
        let found = store.read_part(&id, part)?;
        assert_eq!(found.map(|(bytes, _)| bytes.len()), Some(PART_LEN));
    }
    let read = start.elapsed().as_secs_f64();
    Ok([written, read].map(|seconds| MIB as f64 / seconds))
}

/// The table, and its plot.
pub fn figures(rounds: usize, bars: &mut plot::Bars) -> Outcome<String> {
    let content: Vec<u8> = (0..MIB << 20)
        .map(|i| (i / 3 + i / PART_LEN) as u8)
        .collect();
    let tree = Tree::of_reader(&content[..], |_| ())?;
    let parts: Vec<_> = (0..)
        .zip(content.chunks(PART_LEN))
        .map(|(part, bytes)| {
            let node = PartHasher::node_of(part, false, bytes);
            let bytes = bytes.to_vec().into();
            let proof = tree.proof(part).unwrap_or_default();
            (ReceivedPart { bytes, node }, proof)
        })
        .collect();
    let names = ["a folder", "chunks, redb", "chunks, a plain file"];
    let mut speeds = [const { [const { Vec::new() }; 2] }; 3];
    for _ in 0..rounds {
        let dir = tempfile::tempdir()?;
        let at = |name: &str| dir.path().join(name);
        let measured = [
            measure(&mut FileAttachments::open(at("folder"))?, &parts, &tree)?,
            measure(&mut Chunks::new(Redb::open(at("redb"))?), &parts, &tree)?,
            measure(&mut Chunks::new(LogFile::open(at("log"))?), &parts, &tree)?,
        ];
        for (speeds, measured) in speeds.iter_mut().zip(measured) {
            for (speeds, measured) in speeds.iter_mut().zip(measured) {
                speeds.push(measured);
            }
        }
    }
    let medians = speeds.map(|both| both.map(median));
    let mut table = String::from("| | written, MiB/s | read, MiB/s |\n|---|---|---|\n");
    for (name, [written, read]) in names.iter().zip(medians) {
        writeln!(table, "| {name} | {written:.0} | {read:.0} |")?;
    }
    for (what, title) in ["written", "read"].iter().enumerate() {
        bars.panel(
            &format!("An attachment of {MIB} MiB, {title}"),
            |speed| format!("{speed:.0} MiB/s"),
            (0..3).map(|store| (names[store], store == 0, medians[store][what])),
        );
    }
    Ok(table)
}
