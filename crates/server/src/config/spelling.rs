//! "Did you mean": the key or variable that somebody probably had in mind.

use super::schema;

/// Keys that other releases or documents had, and what they are called now.
const RENAMED: [(&str, &str); 4] = [
    (
        "oidc.subject_identifiers.enabled",
        "oidc.subject_identifiers.supported_types",
    ),
    ("serve.public.log", "serve.public.request_log"),
    ("serve.admin.log", "serve.admin.request_log"),
    ("ttl.authorization_code", "ttl.auth_code"),
];

/// The existing key that an unknown one most likely stands for.
pub(super) fn nearest_key(path: &str) -> Option<String> {
    if let Some((_, now)) = RENAMED.iter().find(|(old, _)| *old == path) {
        return Some((*now).to_owned());
    }
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let near = members(parent)
        .into_iter()
        .map(|m| (distance(&plain(m), &plain(name)), m));
    let near = near
        .filter(|(far, m)| *far <= tolerance(m))
        .min_by_key(|(far, _)| *far);
    if let Some((_, member)) = near {
        return Some(join(parent, member));
    }
    // The right name in the wrong place.
    let wanted = plain(path);
    let misplaced = schema::keys()
        .iter()
        .filter(|key| !key.is_deprecated)
        .find(|key| {
            let full = plain(&key.path);
            full == wanted || plain(last(&key.path)) == plain(name)
        });
    misplaced.map(|key| key.path.clone())
}

/// The existing variable that an unknown one most likely stands for.
pub(super) fn nearest_variable(name: &str) -> Option<String> {
    const SHORTEST: usize = 8;
    if name.len() < SHORTEST {
        return None;
    }
    let names = schema::keys()
        .iter()
        .filter(|key| key.from_env)
        .map(schema::Key::env_name);
    let near = names.map(|known| (distance(&known, name), known));
    near.filter(|(far, _)| (1..=2).contains(far))
        .min_by_key(|(far, _)| *far)
        .map(|(_, k)| k)
}

/// Names of the members of an object, without deprecated ones.
pub(super) fn members(parent: &str) -> Vec<&'static str> {
    let keys = schema::keys().iter().filter(|key| !key.is_deprecated);
    let members = keys.filter(|key| key.path.rsplit_once('.').map_or("", |(p, _)| p) == parent);
    members.map(|key| last(&key.path)).collect()
}

fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, name)| name)
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

/// The name without case and separators, so that `publicUrl`, `public_url` and `public-url` meet.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

fn tolerance(name: &str) -> usize {
    (name.len() / 3).clamp(1, 3)
}

/// Edits (insert, delete, replace, swap of neighbours) between two names.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    let mut two_up: Vec<usize> = Vec::new();
    let mut up: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let replaced = at(&up, j) + usize::from(ca != cb);
            let mut best = replaced.min(at(&up, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(cb) && b.get(j - 1) == Some(ca);
            if swapped {
                best = best.min(at(&two_up, j - 1) + 1);
            }
            row.push(best);
        }
        two_up = std::mem::replace(&mut up, row);
    }
    at(&up, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_swaps() {
        for (a, b, far) in [
            ("port", "port", 0),
            ("prot", "port", 1),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), far, "{a} {b}");
        }
    }

    #[test]
    fn suggestions_hit_what_was_meant() {
        for (wrong, right) in [
            ("serve.public.prot", "serve.public.port"),
            ("urls.self.isuer", "urls.self.issuer"),
            ("secrets.sytem", "secrets.system"),
            (
                "urls.identity_provider.public_url",
                "urls.identity_provider.publicUrl",
            ),
            ("issuer", "urls.self.issuer"),
            ("loglevel", "log.level"),
            (
                "oidc.subject_identifiers.enabled",
                "oidc.subject_identifiers.supported_types",
            ),
            (
                "serve.public.cors.allowed_orgins",
                "serve.public.cors.allowed_origins",
            ),
        ] {
            assert_eq!(nearest_key(wrong).as_deref(), Some(right), "{wrong}");
        }
        assert_eq!(nearest_key("completely_unrelated_thing"), None);
        assert_eq!(
            nearest_variable("URLS_SELF_ISUER").as_deref(),
            Some("URLS_SELF_ISSUER")
        );
        assert_eq!(nearest_variable("URLS_SELF_ISSUER"), None);
        assert_eq!(nearest_variable("PATH"), None);
    }
}
