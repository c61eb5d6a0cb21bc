//! The server's secrets: their strength, and which former ones may go.
//!
//! Security: a secret is counted and compared, never shown.

use std::{collections::BTreeSet, time::Duration};

use tessera_crypto::{Keyring, Purpose};
use tessera_server::config::{SecretString, Settings};

use super::{
    database::{Contents, SealedParts},
    finding::Finding,
};

const AREA: &str = "secrets";
/// What `openssl rand -hex 16` gives.
const CHARS_ADVISED: usize = 32;
/// Fewer different characters are a pattern, not chance: 32 random hexadecimal digits have 10 at least, all but once in a million.
const DISTINCT_MIN: usize = 8;
/// Secrets out of examples, which everyone knows.
const EXAMPLES: [&str; 6] = [
    "this-is-the-primary-secret",
    "this-is-an-old-secret",
    "youReallyNeedToChangeThis",
    "a-very-insecure-secret-for-checking-out-the-demo",
    "make-sure-to-use-a-more-secure-secret-in-production",
    "ZXhhbXBsZS1zZWNyZXQtZm9yLXRlc3Rz",
];
const NEW_ONE: &str = "make one with `openssl rand -hex 32`, put it in front of the list and keep the former one behind it for now";

/// Looks at every list of secrets, and at what the former ones still hold.
pub(super) fn check(settings: &Settings, contents: Option<&Contents>) -> Vec<Finding> {
    let lists = [
        ("secrets.system", &settings.secrets.system),
        ("secrets.cookie", &settings.secrets.cookie),
        ("secrets.pagination", &settings.secrets.pagination),
    ];
    let mut found = Vec::new();
    for (key, secrets) in lists {
        found.extend(
            secrets
                .iter()
                .enumerate()
                .map(|(index, secret)| strength(&format!("{key}[{index}]"), secret.expose())),
        );
        found.extend(repeated(key, secrets));
    }
    if settings.secrets.system.is_empty() {
        found.push(Finding::warning(
            AREA,
            "secrets.system is set",
            "no, so the server makes one and keeps it",
            "fine in development only; set SECRETS_SYSTEM",
        ));
    }
    if settings.secrets.cookie.is_empty() {
        let seen = "not set, so it is derived from secrets.system";
        found.push(Finding::ok(AREA, "secrets.cookie has a source", seen));
    }
    found.extend(former(settings, contents));
    found
}

fn strength(key: &str, secret: &str) -> Finding {
    let rule = format!("{key} cannot be guessed");
    let chars = secret.chars().count();
    let distinct = secret.chars().collect::<BTreeSet<_>>().len();
    if EXAMPLES.contains(&secret) {
        return Finding::problem(AREA, &rule, "it is out of a published example", NEW_ONE);
    }
    let seen = format!("{chars} characters, {distinct} different ones");
    if distinct < DISTINCT_MIN {
        Finding::problem(AREA, &rule, seen, NEW_ONE)
    } else if chars < CHARS_ADVISED {
        Finding::warning(AREA, &rule, seen, NEW_ONE)
    } else {
        Finding::ok(AREA, &rule, seen)
    }
}

fn repeated(key: &str, secrets: &[SecretString]) -> Option<Finding> {
    let distinct: BTreeSet<&str> = secrets.iter().map(SecretString::expose).collect();
    let twice = secrets.len().saturating_sub(distinct.len());
    (twice > 0).then(|| {
        Finding::warning(
            AREA,
            &format!("{key} lists each secret once"),
            format!("{twice} stand there twice"),
            "remove the later ones",
        )
    })
}

/// Former secrets of the system open what they sealed; what they hold for long are signing keys, and what grants keep.
fn former(settings: &Settings, contents: Option<&Contents>) -> Vec<Finding> {
    let secrets = &settings.secrets.system;
    let Some(contents) = contents.filter(|_| !secrets.is_empty()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let (mut lost, mut lost_parts) = (contents.sealed_keys.len(), 0_usize);
    for parts in &contents.sealed_parts {
        lost_parts = lost_parts.saturating_add(parts.count);
    }
    for (index, secret) in secrets.iter().enumerate() {
        let sealed = sealed_with(secret, contents);
        lost = lost.saturating_sub(sealed.keys);
        lost_parts = lost_parts.saturating_sub(sealed.parts);
        if index > 0 {
            found.push(may_go(settings, index, sealed));
        }
    }
    if lost_parts > 0 {
        found.push(Finding::problem(
            AREA,
            "secrets.system opens what every grant keeps",
            format!("{lost_parts} sessions and contexts of grants were sealed with a secret that is not listed"),
            "put the former secret back at the end of secrets.system, or take these consents back",
        ));
    }
    if lost > 0 {
        found.push(Finding::problem(
            AREA,
            "secrets.system opens every signing key",
            format!("{lost} keys were sealed with a secret that is not listed"),
            "put the former secret back at the end of secrets.system",
        ));
    }
    found
}

/// How much a secret sealed.
#[derive(Debug, Default, Clone, Copy)]
struct Sealed {
    keys: usize,
    parts: usize,
}

fn may_go(settings: &Settings, index: usize, sealed: Sealed) -> Finding {
    let rule = format!("secrets.system[{index}] is still needed");
    let Sealed { keys, parts } = sealed;
    if keys > 0 || parts > 0 {
        return Finding::warning(
            AREA,
            &rule,
            format!(
                "{keys} signing keys, and {parts} sessions and contexts of grants, are sealed with it"
            ),
            "keep it, and start the server: it seals the keys again with the newest secret at once, and the grants in \
             the background",
        );
    }
    match longest(settings) {
        Some(longest) => Finding::ok(
            AREA,
            &rule,
            format!(
                "no signing key and no grant is sealed with it; it may go {} hours after a newer secret was put before \
                 it, when all tokens and cookies of its time have expired",
                longest.as_secs().div_ceil(3600)
            ),
        ),
        None => Finding::ok(
            AREA,
            &rule,
            "no signing key and no grant is sealed with it, but refresh tokens of its time never expire (ttl.refresh_token is -1)",
        ),
    }
}

/// The longest time that something sealed stays in use; nothing when that never ends.
fn longest(settings: &Settings) -> Option<Duration> {
    let ttl = &settings.ttl;
    let others = [
        ttl.access_token,
        ttl.authentication_session,
        ttl.login_consent_request,
        ttl.id_token,
        ttl.auth_code,
    ];
    let refresh = ttl.refresh_token?;
    Some(others.into_iter().fold(refresh, Duration::max))
}

fn sealed_with(secret: &SecretString, contents: &Contents) -> Sealed {
    // A secret that is too short was refused with the configuration.
    let Ok(keyring) = Keyring::new(std::slice::from_ref(secret.secret())) else {
        return Sealed::default();
    };
    let of_keys = keyring.seal_keys(Purpose::KeyAtRest);
    let own_keys = contents.sealed_keys.iter();
    let own_keys = own_keys.filter(|key| of_keys.sealed_with_newest(key));
    let of_parts = keyring.seal_keys(Purpose::SessionAtRest);
    let is_own = |parts: &&SealedParts| of_parts.sealed_with_newest(&parts.sample);
    let own_parts = contents.sealed_parts.iter().filter(is_own);
    Sealed {
        keys: own_keys.count(),
        parts: own_parts.fold(0, |sum, parts| sum.saturating_add(parts.count)),
    }
}

#[cfg(test)]
mod tests {
    use tessera_crypto::{OsEntropy, Secret};

    use super::{super::finding::Level, super::tests::*, *};

    const NEW: &str = "pXk2vQ9dLw7RzT4mNc6HfJ8sBg3YaE5u";
    const OLD: &str = "Zr8wKq3nVt5xLd9bMj2hGs7fPc4yWu6e";

    fn sealed(secret: &str) -> Vec<u8> {
        sealed_as(Purpose::KeyAtRest, secret)
    }

    fn sealed_as(purpose: Purpose, secret: &str) -> Vec<u8> {
        let keyring = Keyring::new(&[Secret::new(secret.to_owned())]).unwrap();
        let mut out = Vec::new();
        let keys = keyring.seal_keys(purpose);
        keys.seal(&OsEntropy, b"", b"key", &mut out);
        out
    }

    fn parts(secret: &str, count: usize) -> SealedParts {
        SealedParts {
            sample: sealed_as(Purpose::SessionAtRest, secret),
            count,
        }
    }

    fn found(secrets: &str, sealed_keys: Vec<Vec<u8>>) -> Vec<Finding> {
        found_with(secrets, sealed_keys, Vec::new())
    }

    fn found_with(
        secrets: &str,
        sealed_keys: Vec<Vec<u8>>,
        sealed_parts: Vec<SealedParts>,
    ) -> Vec<Finding> {
        let contents = Contents {
            clients: Vec::new(),
            sealed_keys,
            sealed_parts,
        };
        check(&settings(&[("SECRETS_SYSTEM", secrets)]), Some(&contents))
    }

    #[test]
    fn weak_secrets_are_told_apart_and_not_shown() {
        for (secret, level) in [
            (NEW, Level::Ok),
            ("pXk2vQ9dLw7RzT4mNc6H", Level::Warning),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Level::Problem,
            ),
            ("youReallyNeedToChangeThis", Level::Problem),
        ] {
            let finding = strength("secrets.system[0]", secret);
            assert_eq!(finding.level, level, "{secret}");
            assert!(!finding.line().contains(secret));
        }
    }

    #[test]
    fn a_former_secret_may_go_when_no_key_needs_it() {
        let both = format!("{NEW},{OLD}");
        let kept = found(&both, vec![sealed(NEW), sealed(OLD)]);
        assert_eq!(
            rules(&kept, Level::Warning),
            ["secrets.system[1] is still needed"]
        );
        let free = found(&both, vec![sealed(NEW)]);
        assert!(free.iter().all(|one| one.level == Level::Ok), "{free:?}");
        assert!(
            free.iter()
                .any(|one| one.seen.contains("it may go 720 hours"))
        );
    }

    #[test]
    fn a_former_secret_stays_while_a_grant_needs_it() {
        let both = format!("{NEW},{OLD}");
        let (of_new, of_old) = (parts(NEW, 5), parts(OLD, 3));
        let kept = found_with(
            &both,
            vec![sealed(NEW)],
            vec![of_new.clone(), of_old.clone()],
        );
        assert_eq!(
            rules(&kept, Level::Warning),
            ["secrets.system[1] is still needed"]
        );
        assert!(
            kept.iter().any(|one| one.seen.contains("3 sessions")),
            "{kept:?}"
        );
        let free = found_with(&both, vec![sealed(NEW)], vec![of_new]);
        assert!(free.iter().all(|one| one.level == Level::Ok), "{free:?}");
        let lost = found_with(NEW, vec![sealed(NEW)], vec![of_old]);
        assert_eq!(
            rules(&lost, Level::Problem),
            ["secrets.system opens what every grant keeps"]
        );
    }

    #[test]
    fn a_key_that_no_secret_opens_is_a_problem() {
        let lost = found(NEW, vec![sealed(OLD)]);
        assert_eq!(
            rules(&lost, Level::Problem),
            ["secrets.system opens every signing key"]
        );
    }

    #[test]
    fn a_secret_that_stands_twice_is_told() {
        let twice = found(&format!("{NEW},{NEW}"), Vec::new());
        assert_eq!(
            rules(&twice, Level::Warning),
            ["secrets.system lists each secret once"]
        );
    }
}
