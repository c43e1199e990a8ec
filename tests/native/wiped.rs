//! Key material is wiped from memory when what holds it is dropped.

use std::mem::MaybeUninit;

use mydht::handshake::Fresh;
use mydht::identity::{GroupSecret, Identity};
use mydht::shadow::Secret;
use mydht_cipher::{Aes256CtrHmacSha256, ChaCha20Poly1305};

/// The bytes of what `make` makes, before and after it is dropped where it is.
fn around_the_drop<T>(make: impl FnOnce() -> T) -> [Vec<u8>; 2] {
    let mut place = Box::new(MaybeUninit::<T>::zeroed());
    let look = |place: &MaybeUninit<T>| {
        let first = place.as_ptr().cast::<u8>();
        let byte = |at| {
            // SAFETY: `at` is within the box, which stays allocated and was zeroed as a whole. Volatile: what is read is
            // what is in memory, whatever the value that was there meant.
            unsafe { first.add(at).read_volatile() }
        };
        (0..size_of::<T>()).map(byte).collect()
    };
    place.write(make());
    let before = look(&place);
    // SAFETY: it was written two lines above, and is not used as a `T` again.
    unsafe { place.assume_init_drop() };
    [before, look(&place)]
}

/// Checks that memory depends on the key before the drop, and does not after it.
#[track_caller]
fn wiped<T>(make: impl Fn([u8; 64]) -> T) {
    let [[one, one_after], [two, two_after]] =
        [0x5a, 0xa6].map(|byte| around_the_drop(|| make([byte; 64])));
    let differ = |a: &[u8], b: &[u8]| a.iter().zip(b).filter(|(a, b)| a != b).count();
    assert!(differ(&one, &two) >= 32, "no key was there");
    assert_eq!(differ(&one_after, &two_after), 0, "a part of the key stays");
}

/// The half of a key.
fn half(bytes: [u8; 64]) -> [u8; 32] {
    bytes[..32].try_into().unwrap()
}

#[test]
fn secrets_are_wiped() {
    wiped(|key| Secret::new(half(key)));
    wiped(|key| GroupSecret::from_bytes(half(key)));
    wiped(|key| Fresh::from_bytes(half(key), half(key)));
}

#[test]
fn the_keys_of_ciphers_are_wiped() {
    wiped(|key| ChaCha20Poly1305::new(&half(key)));
    wiped(|key| Aes256CtrHmacSha256::new(&half(key), &key));
}

/// Leaves what is public of it.
#[test]
fn an_identitys_seed_is_wiped() {
    let seed = [0x5a; 32];
    let has = |bytes: &[u8]| bytes.windows(8).any(|window| window == &seed[..8]);
    let [before, after] = around_the_drop(|| Identity::from_seed(&seed));
    assert!(has(&before) && !has(&after));
}
