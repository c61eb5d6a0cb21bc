//! The ordered list of schema changes, and what can be said about a database that has some of them.
//!
//! Invariant: a step never changes once it is on the main branch; its checksum tells, and a test pins it.
//! Invariant: `expand` steps leave the previous release working on the new schema, `contract` steps do not.

use async_trait::async_trait;
use tessera_store::{Readiness, StoreError, StoreResult};

/// What a step means for the release before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The previous release runs on the new schema.
    Expand,
    /// The previous release does not.
    Contract,
}

impl StepKind {
    /// The word that is stored and shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Contract => "contract",
        }
    }

    pub(crate) fn of_word(word: &str) -> Self {
        if word == "expand" {
            Self::Expand
        } else {
            Self::Contract
        }
    }
}

/// The two directions of a step on one engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

/// One schema change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) kind: StepKind,
    /// The release that brought it.
    pub(crate) release: &'static str,
    pub(crate) sqlite: Script,
    pub(crate) postgres: Script,
}

/// All steps, oldest first.
pub(crate) const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "baseline",
        kind: StepKind::Expand,
        release: "0.1.0",
        sqlite: Script {
            up: include_str!("../migrations/0001_baseline/sqlite.sql"),
            down: include_str!("../migrations/0001_baseline/sqlite.down.sql"),
        },
        postgres: Script {
            up: include_str!("../migrations/0001_baseline/postgres.sql"),
            down: include_str!("../migrations/0001_baseline/postgres.down.sql"),
        },
    },
    Step {
        version: 2,
        name: "authorization",
        kind: StepKind::Expand,
        release: "0.1.0",
        sqlite: Script {
            up: include_str!("../migrations/0002_authorization/sqlite.sql"),
            down: include_str!("../migrations/0002_authorization/sqlite.down.sql"),
        },
        postgres: Script {
            up: include_str!("../migrations/0002_authorization/postgres.sql"),
            down: include_str!("../migrations/0002_authorization/postgres.down.sql"),
        },
    },
    Step {
        version: 3,
        name: "grant_epoch",
        kind: StepKind::Expand,
        release: "0.1.0",
        sqlite: Script {
            up: include_str!("../migrations/0003_grant_epoch/sqlite.sql"),
            down: include_str!("../migrations/0003_grant_epoch/sqlite.down.sql"),
        },
        postgres: Script {
            up: include_str!("../migrations/0003_grant_epoch/postgres.sql"),
            down: include_str!("../migrations/0003_grant_epoch/postgres.down.sql"),
        },
    },
];

/// Where a step stands in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// Done.
    Applied,
    /// Still to be done.
    Pending,
    /// Done by a newer release than this one.
    Newer,
    /// Done, but with another text than this release has.
    Altered,
}

/// One step of a database's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number; steps are applied in this order.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// What it means for the release before it.
    pub kind: StepKind,
    /// The release that brought it.
    pub release: String,
    /// Where it stands.
    pub state: MigrationState,
    /// The statements that apply it; empty for a step of a newer release.
    pub up: &'static str,
    /// The statements that revert it, likewise.
    pub down: &'static str,
}

/// The schema of one database.
#[async_trait]
pub trait Migrations: Send + Sync {
    /// Every step that this release or the database knows, oldest first.
    async fn status(&self) -> StoreResult<Vec<MigrationStatus>>;

    /// Applies every pending step, oldest first, and answers which those were. Two at once apply each step once.
    async fn up(&self) -> StoreResult<Vec<MigrationStatus>>;

    /// Reverts the newest `steps` applied steps and answers which those were. What they held is lost.
    async fn down(&self, steps: u32) -> StoreResult<Vec<MigrationStatus>>;
}

/// A row of the table `schema_migrations`.
#[derive(Debug)]
pub(crate) struct AppliedStep {
    pub(crate) version: u32,
    pub(crate) name: String,
    pub(crate) kind: StepKind,
    pub(crate) release: String,
    pub(crate) checksum: String,
}

/// The checksum that is kept of an applied script.
pub(crate) fn checksum(script: &Script) -> String {
    let digest = tessera_crypto::sha256(script.up.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares this release's steps with those that a database has.
pub(crate) fn compare(
    steps: &[Step],
    script_of: fn(&Step) -> Script,
    applied: &[AppliedStep],
) -> Vec<MigrationStatus> {
    let known = steps.iter().map(|step| {
        let found = applied.iter().find(|a| a.version == step.version);
        let state = match found {
            None => MigrationState::Pending,
            Some(a) if a.checksum == checksum(&script_of(step)) => MigrationState::Applied,
            Some(_) => MigrationState::Altered,
        };
        MigrationStatus {
            version: step.version,
            name: step.name.to_owned(),
            kind: step.kind,
            release: step.release.to_owned(),
            state,
            up: script_of(step).up,
            down: script_of(step).down,
        }
    });
    let newer = applied
        .iter()
        .filter(|a| steps.iter().all(|step| step.version != a.version))
        .map(|a| MigrationStatus {
            version: a.version,
            name: a.name.clone(),
            kind: a.kind,
            release: a.release.clone(),
            state: MigrationState::Newer,
            up: "",
            down: "",
        });
    let mut all: Vec<MigrationStatus> = known.chain(newer).collect();
    all.sort_by_key(|status| status.version);
    all
}

/// Whether this release can serve from a database with these steps.
pub(crate) fn readiness(status: &[MigrationStatus]) -> Readiness {
    let too_new = status
        .iter()
        .rev()
        .find(|s| s.state == MigrationState::Newer && s.kind == StepKind::Contract);
    if let Some(step) = too_new {
        return Readiness::SchemaTooNew(format!("release {} or newer is needed", step.release));
    }
    if status.iter().any(|s| s.state == MigrationState::Pending) {
        return Readiness::MigrationsPending;
    }
    Readiness::Ready
}

/// Refuses to change a schema that this release does not know.
pub(crate) fn check_known(status: &[MigrationStatus]) -> StoreResult<()> {
    let strange = status.iter().find(|s| s.state == MigrationState::Altered);
    match strange {
        Some(step) => Err(StoreError::Bug(format!(
            "schema step {} ({}) was applied with another text than this release has, so the tables may \
             differ from what it expects; use the build that made them, or an empty database",
            step.version, step.name
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(version: u32, kind: StepKind, checksum: &str) -> AppliedStep {
        AppliedStep {
            version,
            name: "later".to_owned(),
            kind,
            release: "9.9.0".to_owned(),
            checksum: checksum.to_owned(),
        }
    }

    fn baseline() -> AppliedStep {
        applied(1, StepKind::Expand, &checksum(&STEPS[0].sqlite))
    }

    fn readiness_with(rows: &[AppliedStep]) -> Readiness {
        readiness(&compare(&STEPS[..1], |step| step.sqlite, rows))
    }

    #[test]
    fn newer_expand_steps_are_accepted_and_newer_contract_steps_are_not() {
        assert_eq!(readiness_with(&[]), Readiness::MigrationsPending);
        assert_eq!(readiness_with(&[baseline()]), Readiness::Ready);
        let expand = applied(900, StepKind::Expand, "x");
        assert_eq!(readiness_with(&[baseline(), expand]), Readiness::Ready);
        let contract = applied(901, StepKind::Contract, "x");
        let Readiness::SchemaTooNew(text) = readiness_with(&[baseline(), contract]) else {
            panic!("a contract step was accepted");
        };
        assert!(text.contains("9.9.0"), "{text}");
    }

    #[test]
    fn an_altered_step_is_seen() {
        let status = compare(
            &STEPS[..1],
            |s| s.sqlite,
            &[applied(1, StepKind::Expand, "other")],
        );
        assert_eq!(status[0].state, MigrationState::Altered);
        assert!(check_known(&status).is_err());
    }

    #[test]
    fn steps_on_the_main_branch_never_change() {
        let begins = |script: Script| checksum(&script)[..16].to_owned();
        let pinned = [
            ("3b682c108dd11de4", "f15248808a233b4b"),
            ("31ea3fda4732f121", "b518462d43cb6c30"),
            ("6b7755ea117584d4", "8dde32da658327ad"),
        ];
        let found = STEPS.iter().map(|s| (begins(s.sqlite), begins(s.postgres)));
        let found: Vec<_> = found.collect();
        let pinned: Vec<_> = pinned.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(found, pinned, "add a step, and pin it here");
    }
}
