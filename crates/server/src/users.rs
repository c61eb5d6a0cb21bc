//! The people who may log in at this server itself: read from a file, checked slowly, and not too often.
//!
//! Invariant: the file is looked at again when it matters who is in it, a second apart at least; one that has become bad is
//! reported once, and the people read before stay. A file that appears while a development server runs without one is read
//! too; the generated user stays beside it until the server stops, unless the file has the name or the subject.
//! Security: an unknown name costs one hash like a known one. An attempt counts when it begins, so that many at once
//! are no way around the limit.

mod attempts;
mod file;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use tessera_crypto::{OsEntropy, Secret, random_bytes, slow_hash};
use tessera_protocol::time::Timestamp;

use self::attempts::Attempts;
use crate::config::Settings;
use crate::hash_pool::{Against, HashPool};
use crate::reply::Fault;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Name and subject of the generated user.
const GENERATED: &str = "test";
/// A hash that nothing matches and that costs what argon2id costs by default.
const TWIN: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Somebody who may log in.
pub(crate) struct User {
    /// What is typed at the login page.
    pub username: String,
    /// The subject of tokens; never given to somebody else.
    pub subject: String,
    /// Claims for ID tokens and userinfo.
    pub claims: Map<String, Value>,
    password_hash: String,
}

#[cfg(test)]
impl User {
    /// Somebody with these claims and no password.
    pub(crate) fn sample(username: &str, claims: Map<String, Value>) -> Self {
        Self {
            username: username.to_owned(),
            subject: username.to_owned(),
            claims,
            password_hash: String::new(),
        }
    }
}

/// How a login ended.
pub(crate) enum Outcome {
    /// Name and password fit.
    Verified(Arc<User>),
    /// They do not, or there is no such name.
    Refused,
    /// Nothing was checked: there were too many attempts with this name.
    TooManyAttempts {
        /// When the next one is looked at.
        retry_after: Duration,
    },
}

/// Everybody who may log in.
pub struct Users {
    source: Option<PathBuf>,
    /// Who was made at the start, and stays whatever the file says.
    generated: Option<Arc<User>>,
    people: Mutex<Arc<People>>,
    looked: Mutex<Looked>,
    attempts: Attempts,
}

/// What [`Users::open`] gives.
pub struct Opened {
    /// The people.
    pub users: Users,
    /// The password of the generated user, to be shown to the developer once.
    pub generated: Option<Generated>,
}

/// The user of a development server that has no file.
pub struct Generated {
    /// Name to type.
    pub username: &'static str,
    /// Password to type.
    pub password: Secret<String>,
}

/// What a file was when it was read.
type Stamp = (Option<SystemTime>, u64);

struct Looked {
    at: Timestamp,
    stamp: Option<Stamp>,
}

struct People {
    by_name: HashMap<String, Arc<User>>,
}

impl People {
    fn new(users: Vec<User>, generated: Option<&Arc<User>>) -> Self {
        let own = generated.filter(|own| {
            let is_same =
                |user: &User| user.username == own.username || user.subject == own.subject;
            !users.iter().any(is_same)
        });
        let users = users.into_iter().map(Arc::new).chain(own.cloned());
        let by_name = users.map(|user| (user.username.clone(), user));
        Self {
            by_name: by_name.collect(),
        }
    }

    /// What a password for an unknown name is checked against, by the digest of the name: always the hash of the same person
    /// while the file stays as it is, so that it costs much as often as there are people whose password does.
    fn twin(&self, digest: &[u8; 32]) -> &str {
        let [a, b, c, d, ..] = *digest;
        let number = u32::from_le_bytes([a, b, c, d]) as usize;
        let place = number.checked_rem(self.by_name.len());
        let user = place.and_then(|place| self.by_name.values().nth(place));
        user.map_or(TWIN, |user| &user.password_hash)
    }
}

impl Users {
    /// From the configured file, else from the default one where it is there; in development mode without any, with one
    /// generated user. `None`: nobody can log in at this server.
    ///
    /// # Errors
    /// The file cannot be used; every problem is named.
    pub fn open(settings: &Settings) -> Result<Option<Opened>, String> {
        if !settings.has_builtin_login() {
            return Ok(None);
        }
        let is_named = settings.builtin_login.users_file.is_some();
        let file = settings.users_file();
        if let Some(path) = file.clone().filter(|path| is_named || path.exists()) {
            let users = Self::from_file(path)?;
            return Ok(Some(Opened {
                users,
                generated: None,
            }));
        }
        // Security: v1's flag for plain HTTP behind a proxy asks for no user.
        if !settings.dev {
            return Ok(None);
        }
        Self::generated(settings, file).map(Some)
    }

    fn from_file(path: PathBuf) -> Result<Self, String> {
        // Taken before reading: what changes meanwhile is read again.
        let stamp = std::fs::metadata(&path).ok().map(|found| stamp(&found));
        let users = std::fs::read_to_string(&path)
            .map_err(|e| vec![format!("cannot be read: {e}")])
            .and_then(|text| file::parse(&path, &text))
            .map_err(|problems| report(&path, &problems))?;
        let looked = Looked {
            at: Timestamp::from_micros(0),
            stamp,
        };
        Ok(Self {
            source: Some(path),
            generated: None,
            people: Mutex::new(Arc::new(People::new(users, None))),
            looked: Mutex::new(looked),
            attempts: Attempts::default(),
        })
    }

    /// `source` does not exist yet.
    fn generated(settings: &Settings, source: Option<PathBuf>) -> Result<Opened, String> {
        let password = readable_password(random_bytes(&OsEntropy));
        let how = settings.oauth2.hashers.slow_hash();
        let password_hash = slow_hash::hash(password.expose().as_bytes(), &how, &OsEntropy)
            .map_err(|e| format!("the test user's password: {e}"))?;
        let claims =
            json!({"name": "Test User", "email": "test@example.com", "email_verified": true});
        let user = User {
            username: GENERATED.to_owned(),
            subject: GENERATED.to_owned(),
            claims: claims.as_object().cloned().unwrap_or_default(),
            password_hash,
        };
        let user = Arc::new(user);
        let users = Self {
            source,
            people: Mutex::new(Arc::new(People::new(Vec::new(), Some(&user)))),
            generated: Some(user),
            looked: Mutex::new(Looked {
                at: Timestamp::from_micros(0),
                stamp: None,
            }),
            attempts: Attempts::default(),
        };
        let generated = Generated {
            username: GENERATED,
            password,
        };
        Ok(Opened {
            users,
            generated: Some(generated),
        })
    }

    /// Checks a login.
    ///
    /// # Errors
    /// Too many hashes wait; then the attempt does not count.
    pub(crate) async fn verify(
        &self,
        pool: &HashPool,
        username: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Outcome, Fault> {
        self.look_again(now).await;
        if let Err(retry_after) = self.attempts.begin(username, now) {
            return Ok(Outcome::TooManyAttempts { retry_after });
        }
        let people = self.people();
        let user = people.by_name.get(username);
        // Unknown names are one party, whatever is made up.
        let party = user.map_or_else(
            || "user".to_owned(),
            |user| format!("user {}", user.username),
        );
        let twin = || people.twin(&self.attempts.key(username)).to_owned();
        let hash = user.map_or_else(twin, |user| user.password_hash.clone());
        let against = Against::Hashes(std::slice::from_ref(&hash));
        let matched = match pool.check(&party, password, against).await {
            Ok(matched) => matched.is_some(),
            Err(fault) => {
                self.attempts.give_back(username, now);
                return Err(fault);
            }
        };
        match user.filter(|_| matched) {
            Some(user) => {
                self.attempts.succeed(username);
                Ok(Outcome::Verified(Arc::clone(user)))
            }
            None => Ok(Outcome::Refused),
        }
    }

    /// The person with this subject: who was logged in before, and whose claims a consent needs.
    pub(crate) async fn find(&self, subject: &str, now: Timestamp) -> Option<Arc<User>> {
        self.look_again(now).await;
        let people = self.people();
        let mut users = people.by_name.values();
        users.find(|user| user.subject == subject).cloned()
    }

    fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn look_again(&self, now: Timestamp) {
        let Some(path) = &self.source else { return };
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if now < looked.at.plus(LOOK_EVERY) {
                return;
            }
            looked.at = now;
        }
        let found = tokio::fs::metadata(path).await.ok();
        let found = found.map(|found| stamp(&found));
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.stamp == found {
                return;
            }
            looked.stamp = found;
        }
        let text = tokio::fs::read_to_string(path).await;
        let read = text
            .map_err(|e| vec![format!("cannot be read: {e}")])
            .and_then(|text| file::parse(path, &text));
        match read {
            Ok(users) => {
                tracing::info!(
                    users = users.len(),
                    "The users file has changed and was read again."
                );
                let new = Arc::new(People::new(users, self.generated.as_ref()));
                let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
                // A read that was overtaken by one of a newer file counts for nothing.
                if looked.stamp == found {
                    *self.people.lock().unwrap_or_else(PoisonError::into_inner) = new;
                }
            }
            Err(problems) => {
                let problems = report(path, &problems);
                tracing::error!(
                    problems,
                    "The users file has changed and cannot be used; the people read before stay."
                );
            }
        }
    }
}

fn stamp(found: &std::fs::Metadata) -> Stamp {
    (found.modified().ok(), found.len())
}

fn report(path: &Path, problems: &[String]) -> String {
    let list = problems.join("\n  ");
    format!(
        "the users file '{}' cannot be used:\n  {list}",
        path.display()
    )
}

/// 16 letters and digits that nobody confuses; 80 bits.
fn readable_password(random: [u8; 16]) -> Secret<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = random
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter));
    Secret::new(letters.collect())
}

#[cfg(test)]
mod tests;
