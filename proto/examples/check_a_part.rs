//! Checks one part of a file against the hash of the whole, before the rest of it has arrived.
//!
//! Prints:
//!
//! ```text
//! part 6 of 10 belongs to [..]: 4 hashes prove it
//! with one bit changed it is refused
//! ```
#![allow(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;

use mydht_proto::attachment::tree::{PART_LEN, PartHasher, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    // The publisher reads the file once and announces its id: a BLAKE3 hash and a length.
    let content: Vec<u8> = (0..10 * PART_LEN).map(|i| (i / 7) as u8).collect();
    let tree = Tree::of_reader(&content[..], |_| ())?;
    let id = tree.id();

    // A holder serves part 6 with its proof: the nodes beside the path from the part up to the root.
    let index = 6;
    let part = &content[index * PART_LEN..][..PART_LEN];
    let proof = tree.proof(index as u64).ok_or("no such part")?;

    // The requester knows the id alone.
    let node = PartHasher::node_of(index as u64, id.parts() == 1, part);
    assert!(id.verify(index as u64, &node, &proof));
    println!(
        "part {index} of {} belongs to {}: {} hashes prove it",
        id.parts(),
        id.hash,
        proof.len()
    );

    let mut forged = part.to_vec();
    forged[0] ^= 1;
    let node = PartHasher::node_of(index as u64, false, &forged);
    assert!(!id.verify(index as u64, &node, &proof));
    println!("with one bit changed it is refused");
    Ok(())
}
