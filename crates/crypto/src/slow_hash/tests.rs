use proptest::prelude::*;

use super::*;
use crate::entropy::OsEntropy;

const SECRET: &[u8] = b"correct horse battery";

/// Made with Python's hashlib, bcrypt and argon2-cffi.
const FOREIGN: &[&str] = &[
    "$pbkdf2-sha1$i=100,l=20$AAECAwQFBgcICQoLDA0ODw$KgrWHBI696KKASPBCfWSqx9jZhQ",
    "$pbkdf2-sha224$i=100,l=28$AAECAwQFBgcICQoLDA0ODw$hXv6UDD8dTYipP50nzKsezglG1qDmhTz14T4Vg",
    "$pbkdf2-sha256$i=100,l=32$AAECAwQFBgcICQoLDA0ODw$HNEYdbMWM71+V4AQgXPBW/ShkOuAsSnLj6+DLaKfbJU",
    "$pbkdf2-sha384$i=100,l=48$AAECAwQFBgcICQoLDA0ODw$tVSGh3Aou9HuDI1UmzlHfSxGGNyJ5yUids+oBZFjoW9a4CTOfvbLkK7hKCwhXez7",
    "$pbkdf2-sha512$i=100,l=64$AAECAwQFBgcICQoLDA0ODw$VdnmzbxrmAKJyQI3MMvlasVMdvo3iSeauE+g+mMZ1AFEvoxbILiKB0FTU5vGWgMsmLDasG9+Cf3ULyRmBWG/YQ",
    "$pbkdf2-sha999$i=100,l=32$AAECAwQFBgcICQoLDA0ODw$HNEYdbMWM71+V4AQgXPBW/ShkOuAsSnLj6+DLaKfbJU",
    "$pbkdf2-sha256$i=25000,l=32$AAECAwQFBgcICQoLDA0ODw$b1U2kZdrmPR0RBqzxwkrit/MxKcEH+n20FbMUse5kjM",
    "$2b$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm",
    "$2a$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm",
    "$2y$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm",
    "$2$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm",
    "$argon2id$v=19$m=64,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$i0MJLdYED1AUyMj9wE8eFagFfvBZX2zS1hGTybaRzIw",
    "$argon2id$v=19$m=64,t=1,p=2$AAECAwQFBgcICQoLDA0ODw$q1J6JhW+BwMDB8531au0/2CHB9pP29kd++V5f/f5vZo",
    "$argon2i$v=19$m=64,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$O16fYbKZXP6bF/Ju0ynYTHLo17hE6vUXreEYY08KPzg",
    "$argon2i$v=19$m=64,t=1,p=2$AAECAwQFBgcICQoLDA0ODw$yyYgtPd6UhX3X6opD/E4WbiAHrMzOyTZLh3/WqYOguM",
];

#[test]
fn hashes_of_other_implementations_verify() {
    for stored in FOREIGN {
        assert!(verify(SECRET, stored), "{stored}");
        assert!(!verify(b"Correct horse battery", stored), "{stored}");
        assert!(!verify(b"", stored), "{stored}");
    }
}

#[test]
fn a_changed_hash_salt_or_cost_does_not_verify() {
    let good = FOREIGN[2];
    for (from, to) in [("i=100", "i=101"), ("AAEC", "AAED"), ("$HNEY", "$HNEZ")] {
        assert!(!verify(SECRET, &good.replace(from, to)), "{from}");
    }
}

#[test]
fn the_length_comes_from_the_hash() {
    assert!(verify(SECRET, &FOREIGN[2].replace("l=32", "l=7")));
}

#[test]
fn new_pbkdf2_hashes_have_the_reference_format() {
    let how = SlowHash::Pbkdf2 { iterations: 1000 };
    let stored = hash(SECRET, &how, &OsEntropy).unwrap();
    let [name, costs, salt, key] = fields(&stored).unwrap();
    assert_eq!((name, costs), ("pbkdf2-sha256", "i=1000,l=32"));
    assert_eq!((salt.len(), key.len()), (22, 43));
    assert!(verify(SECRET, &stored));
    assert_ne!(stored, hash(SECRET, &how, &OsEntropy).unwrap());
}

#[test]
fn new_bcrypt_hashes_have_the_reference_format() {
    let stored = hash(SECRET, &SlowHash::Bcrypt { cost: 4 }, &OsEntropy).unwrap();
    assert!(stored.starts_with("$2a$04$"), "{stored}");
    assert_eq!(stored.len(), 60);
    assert!(verify(SECRET, &stored));
}

#[test]
fn bcrypt_refuses_what_it_would_cut_off() {
    let how = SlowHash::Bcrypt { cost: 4 };
    let foreign = "$2b$04$RecbR11jtcIabwDM59fw4O56qpgIl4KKK14bjtGv9PPQ9FYzKM6/K";
    assert!(verify(&[b'x'; 72], foreign));
    assert!(!verify(&[b'x'; 73], foreign));
    assert!(hash(&[b'x'; 72], &how, &OsEntropy).is_ok());
    assert_eq!(
        hash(&[b'x'; 73], &how, &OsEntropy),
        Err(SlowHashError::SecretTooLong)
    );
}

#[test]
fn costs_outside_the_range_are_refused() {
    let out_of_range = [
        SlowHash::Pbkdf2 { iterations: 0 },
        SlowHash::Pbkdf2 {
            iterations: PBKDF2_ITERATIONS_MAX + 1,
        },
        SlowHash::Bcrypt { cost: 3 },
        SlowHash::Bcrypt {
            cost: BCRYPT_COST_MAX + 1,
        },
    ];
    for how in out_of_range {
        let result = hash(SECRET, &how, &OsEntropy);
        assert_eq!(result, Err(SlowHashError::CostOutOfRange), "{how:?}");
    }
}

#[test]
fn malformed_or_unaffordable_texts_match_nothing() {
    let salt = "AAECAwQFBgcICQoLDA0ODw";
    let hash = "HNEYdbMWM71+V4AQgXPBW/ShkOuAsSnLj6+DLaKfbJU";
    let texts = [
        String::new(),
        String::from("$"),
        String::from("plain"),
        String::from("$2b$"),
        String::from("$2x$04$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm"),
        String::from("$2b$31$tKBZf.xXmfu6vCC4L8awKu9u23mZHFFzScVTx7Q0KOeC8M7PNckhm"),
        format!("$pbkdf2-sha256$i=4294967295,l=32${salt}${hash}"),
        format!("$pbkdf2-sha256$i=0,l=32${salt}${hash}"),
        format!("$pbkdf2-sha256$i=+100,l=32${salt}${hash}"),
        format!("$pbkdf2-sha256$i=100,l=32${salt}$"),
        format!("$pbkdf2-sha256$i=100,l=32${salt}$HNEYdbMW"),
        format!("$pbkdf2-sha256$i=100,l=32${salt}${hash}="),
        format!("$pbkdf2-sha256$i=100,l=32${salt}${hash}$"),
        format!("$pbkdf2-sha$i=100,l=32${salt}${hash}"),
        format!("$pbkdf2-sha2560$i=100,l=32${salt}${hash}"),
        format!("x$pbkdf2-sha256$i=100,l=32${salt}${hash}"),
        format!("$argon2id$v=19$m=4294967295,t=1,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=64,t=4294967295,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=65536,t=1,p=4096${salt}${hash}"),
        format!("$argon2id$v=19$m=0,t=0,p=0${salt}${hash}"),
        format!("$argon2id$v=16$m=64,t=2,p=1${salt}${hash}"),
        format!("$argon2id$v=19$m=64,t=2,p=1,x=1${salt}${hash}"),
        format!("$argon2d$v=19$m=64,t=2,p=1${salt}${hash}"),
    ];
    for text in texts {
        assert!(!verify(SECRET, &text), "{text}");
        assert!(!verify(b"", &text), "{text}");
    }
}

#[test]
fn cost_twins_parse_cost_the_same_and_match_nothing() {
    let pbkdf2 = cost_twin(&SlowHash::Pbkdf2 { iterations: 1000 });
    assert_eq!(verify_pbkdf2(SECRET, &pbkdf2), Some(false));
    assert!(pbkdf2.starts_with("$pbkdf2-sha256$i=1000,l=32$"));
    let bcrypt = cost_twin(&SlowHash::Bcrypt { cost: 5 });
    assert_eq!(verify_bcrypt(SECRET, &bcrypt), Some(false));
    assert!(bcrypt.starts_with("$2a$05$"));
}

proptest! {
    #[test]
    fn no_text_panics(
        head in "(\\$2[abyx]?\\$0[4-5]\\$|\\$pbkdf2-sha(1|224|256|384|512)\\$|\\$argon2(i|id)\\$v=19\\$|)",
        rest in "(([im]=[0-9]{1,2},[lt]=[0-9]{1,2}(,p=[0-9])?)?[$A-Za-z0-9+/.]{0,70}|\\PC{0,60})",
    ) {
        let _ = verify(SECRET, &format!("{head}{rest}"));
    }
}

#[test]
fn a_password_hash_is_a_phc_string_that_only_its_password_matches() {
    let made = argon2id_hash("pässword".as_bytes(), &[7; 16]).unwrap();
    assert!(
        made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"),
        "{made}"
    );
    assert!(verify("pässword".as_bytes(), &made));
    assert!(!verify(b"password", &made));
    assert_ne!(
        made,
        argon2id_hash("pässword".as_bytes(), &[8; 16]).unwrap()
    );
    let twin = argon2id_cost_twin();
    assert_eq!(twin.len(), made.len());
    assert!(!verify(b"", &twin));
}
