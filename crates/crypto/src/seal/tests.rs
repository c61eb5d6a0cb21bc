use proptest::prelude::*;

use super::*;
use crate::{
    entropy::OsEntropy,
    keyring::{Keyring, Purpose},
    secret::Secret,
};

/// Gives the same bytes each time, for vectors.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&self, dest: &mut [u8]) {
        dest.copy_from_slice(&self.0);
    }
}

fn keys(secrets: &[&str]) -> SealKeys {
    let secrets: Vec<_> = secrets
        .iter()
        .map(|s| Secret::new((*s).to_owned()))
        .collect();
    Keyring::new(&secrets)
        .unwrap()
        .seal_keys(Purpose::AccessToken)
}

fn seal(keys: &SealKeys, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    keys.seal(&OsEntropy, aad, plain, &mut out);
    out
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

#[test]
fn draft_xchacha_appendix_a_3_1_through_the_layout() {
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
    let keys = SealKeys::new(std::iter::once(([0xab, 0xcd], Zeroizing::new(key))));
    let nonce: Vec<u8> = (0x40..0x58).collect();
    let aad = unhex("50515253c0c1c2c3c4c5c6c7");
    let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you \
                  only one tip for the future, sunscreen would be it.";
    let mut out = vec![0xee];
    keys.seal(&Fixed(nonce.clone()), &aad, plain, &mut out);
    let expected = unhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
         731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
         2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
         21f9664c97637da9768812f615c68b13b52e
         c0875924c1c7987947deafd8780acf49",
    );
    let whole = [&[0xee, 1, 0xab, 0xcd][..], &nonce, &expected].concat();
    assert_eq!(out, whole);
    assert_eq!(keys.open(&aad, &out[1..]).unwrap(), plain);
}

#[test]
fn every_bit_flip_fails() {
    let keys = keys(&["a system secret of some length"]);
    let sealed = seal(&keys, b"aad", b"the plain text");
    assert_eq!(keys.open(b"aad", &sealed).unwrap(), b"the plain text");
    for bit in 0..sealed.len() * 8 {
        let mut bad = sealed.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.open(b"aad", &bad), Err(OpenError), "bit {bit}");
    }
}

#[test]
fn every_truncation_and_extension_fails() {
    let keys = keys(&["a system secret of some length"]);
    let mut sealed = seal(&keys, b"", b"the plain text");
    for n in 0..sealed.len() {
        assert_eq!(keys.open(b"", &sealed[..n]), Err(OpenError), "{n} bytes");
    }
    sealed.push(0);
    assert_eq!(keys.open(b"", &sealed), Err(OpenError));
}

#[test]
fn other_associated_data_fails() {
    let keys = keys(&["a system secret of some length"]);
    let sealed = seal(&keys, b"client a", b"x");
    assert_eq!(keys.open(b"client b", &sealed), Err(OpenError));
    assert_eq!(keys.open(b"", &sealed), Err(OpenError));
}

#[test]
fn another_purpose_fails() {
    let secret = Secret::new(String::from("a system secret of some length"));
    let ring = Keyring::new(&[secret]).unwrap();
    let sealed = seal(&ring.seal_keys(Purpose::Cookie), b"", b"x");
    let other = ring.seal_keys(Purpose::Challenge).open(b"", &sealed);
    assert_eq!(other, Err(OpenError));
}

#[test]
fn rotation_keeps_old_messages_and_tells_them_apart() {
    let old = keys(&["the old system secret"]);
    let both = keys(&["the new system secret", "the old system secret"]);
    let new = keys(&["the new system secret"]);
    let sealed_old = seal(&old, b"", b"x");
    let sealed_new = seal(&both, b"", b"x");
    assert_eq!(both.open(b"", &sealed_old).unwrap(), b"x");
    assert_eq!(new.open(b"", &sealed_new).unwrap(), b"x");
    assert_eq!(new.open(b"", &sealed_old), Err(OpenError));
    assert!(!both.sealed_with_newest(&sealed_old));
    assert!(both.sealed_with_newest(&sealed_new));
    assert!(!both.sealed_with_newest(b""));
}

#[test]
fn keys_that_share_an_id_are_all_tried() {
    let pair = |first: u8, second: u8| {
        let key = |byte| ([7, 7], Zeroizing::new([byte; 32]));
        SealKeys::new([key(first), key(second)].into_iter())
    };
    let sealed = seal(&pair(1, 2), b"", b"x");
    assert_eq!(pair(2, 1).open(b"", &sealed).unwrap(), b"x");
}

#[test]
fn sealing_twice_gives_two_messages_and_nonces() {
    let keys = keys(&["a system secret of some length"]);
    let (a, b) = (seal(&keys, b"", b"x"), seal(&keys, b"", b"x"));
    assert_ne!(nonce_of(&a).unwrap(), nonce_of(&b).unwrap());
    assert_eq!(nonce_of(&a).unwrap()[..], a[3..27]);
    assert_eq!(nonce_of(&a[..42]), None);
    assert_eq!(a.len(), 1 + OVERHEAD_BYTES);
}

#[test]
fn sealing_into_reserved_space_does_not_reallocate() {
    let keys = keys(&["a system secret of some length"]);
    let mut out = Vec::with_capacity(100 + OVERHEAD_BYTES);
    let before = (out.as_ptr(), out.capacity());
    keys.seal(&OsEntropy, b"", &[0; 100], &mut out);
    assert_eq!((out.as_ptr(), out.capacity()), before);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_open_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let keys = keys(&["a system secret of some length"]);
        prop_assert!(keys.open(b"", &bytes).is_err());
        let id = keys.newest.id;
        let with_head = [&[VERSION][..], &id, &bytes].concat();
        prop_assert!(keys.open(b"", &with_head).is_err());
    }

    #[test]
    fn what_was_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..300), aad in any::<[u8; 5]>()) {
        let keys = keys(&["a system secret of some length"]);
        prop_assert_eq!(keys.open(&aad, &seal(&keys, &aad, &plain)).unwrap(), plain);
    }
}
