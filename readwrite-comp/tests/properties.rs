//! The bodies of the fuzz targets over random bytes.
#![cfg(test)]

#[path = "../fuzz/bodies.rs"]
mod bodies;

use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_into_every_decoder(data in vec(any::<u8>(), 0..400)) {
        bodies::decoders(&data);
    }

    /// Small numbers are lengths that could be right.
    #[test]
    fn likely_bytes_into_every_decoder(data in vec(prop_oneof![3 => 0u8..8, 1 => any::<u8>()], 0..400)) {
        bodies::decoders(&data);
    }

    #[test]
    fn arbitrary_schedules_give_what_one_shot_gives(data in vec(any::<u8>(), 0..120)) {
        bodies::schedules(&data);
    }
}

/// Found by fuzzing: the buffer was moved, then the source blocked, and the attempt read beyond
/// what had come.
#[test]
fn a_buffer_that_moves_before_the_source_blocks() {
    let found: Vec<u8> = [0xe3, 0x0b, 0x59, 0x59, 0x59, 0x59, 0x0b]
        .into_iter()
        .chain([0x59; 14])
        .collect();
    bodies::schedules(&found);
}
