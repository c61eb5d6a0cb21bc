//! The database: reachable, of the right schema, and private; and what else is looked at in it.

use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::Path};

use tessera_protocol::client::ClientMetadata;
use tessera_server::config::{Dsn, Settings};
use tessera_store::{ClientFilter, Page, Readiness, Store, StoreError};
use tessera_store_sql::{MigrationState, Opened};

use super::finding::Finding;
use crate::{database, failure::Failure};

const AREA: &str = "database";
/// Clients or grants per question.
const PAGE: u32 = 500;
/// With how many bytes a sealed part names the key that sealed it.
const HEAD_BYTES: usize = 3;

/// What other checks look at.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) clients: Vec<ClientMetadata>,
    pub(super) sealed_keys: Vec<Vec<u8>>,
    pub(super) sealed_parts: Vec<SealedParts>,
}

/// What grants keep sealed under one key: one such part, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedParts {
    pub(super) sample: Vec<u8>,
    pub(super) count: usize,
}

/// Looks at the database, and reads it when it can be read.
pub(super) fn check(settings: &Settings) -> Result<(Vec<Finding>, Option<Contents>), Failure> {
    let rule = "it is there";
    match &settings.dsn {
        Dsn::SqliteMemory => {
            let finding = Finding::warning(
                AREA,
                "what it holds survives a restart",
                "memory",
                "fine for a try; otherwise set dsn to sqlite:///path/to/file.sqlite or postgres://",
            );
            Ok((vec![finding], None))
        }
        Dsn::SqliteFile { path, .. } if !path.exists() => {
            let seen = format!("{} does not exist yet", path.display());
            let way_out = "`serve` makes it; if there should be one, set dsn to where it is";
            Ok((vec![Finding::warning(AREA, rule, seen, way_out)], None))
        }
        Dsn::SqliteFile { path, .. } => {
            let (mut found, contents) = ask(settings, &path.display().to_string())?;
            found.extend(privacy(path));
            Ok((found, contents))
        }
        Dsn::Postgres { .. } => ask(settings, "PostgreSQL"),
    }
}

fn ask(settings: &Settings, name: &str) -> Result<(Vec<Finding>, Option<Contents>), Failure> {
    database::runtime()?.block_on(async {
        if let Err(Failure::Error(why)) =
            database::refuse_foreign(&settings.dsn, database::LOOK).await
        {
            let way_out = "set dsn (DSN) to a database of this server, or to an empty one";
            let finding = Finding::problem(AREA, "it is this server's", why, way_out);
            return Ok((vec![finding], None));
        }
        let full = database::is_synchronous_full(settings);
        let opened = match database::open(&settings.dsn, full).await {
            Ok(opened) => opened,
            Err(Failure::Error(why) | Failure::Notice(why)) => {
                return Ok((vec![unreachable(name, &why)], None));
            }
            Err(Failure::Reported) => return Ok((vec![unreachable(name, "")], None)),
        };
        let found = look(&opened, name).await;
        opened.close().await;
        Ok(found)
    })
}

async fn look(opened: &Opened, name: &str) -> (Vec<Finding>, Option<Contents>) {
    let ready = match opened.store.readiness().await {
        Ok(ready) => ready,
        Err(error) => return (vec![unreachable(name, &error.to_string())], None),
    };
    let mut found = vec![Finding::ok(AREA, "it can be reached", name)];
    found.push(schema(opened, &ready).await);
    if ready != Readiness::Ready {
        return (found, None);
    }
    match contents(&*opened.store).await {
        Ok(contents) => (found, Some(contents)),
        Err(error) => {
            found.push(Finding::problem(
                AREA,
                "clients and keys can be read",
                error.to_string(),
                "restore a backup, or ask the database's administrator",
            ));
            (found, None)
        }
    }
}

fn unreachable(name: &str, why: &str) -> Finding {
    Finding::problem(
        AREA,
        "it can be reached",
        format!("{name}: {why}"),
        "start the database, or set dsn (DSN) to its address, user and password",
    )
}

async fn schema(opened: &Opened, ready: &Readiness) -> Finding {
    let rule = "its schema is the one that this release needs";
    let altered = match opened.migrations.status().await {
        Ok(steps) => steps
            .into_iter()
            .find(|step| step.state == MigrationState::Altered),
        Err(error) => {
            let way_out = "ask the database's administrator";
            return Finding::problem(AREA, rule, error.to_string(), way_out);
        }
    };
    match (ready, altered) {
        (Readiness::Ready, Some(step)) => Finding::warning(
            AREA,
            rule,
            format!(
                "step {} {} was applied with another text",
                step.version, step.name
            ),
            "another build of this release made it; compare the tables before an upgrade",
        ),
        (Readiness::Ready, None) => Finding::ok(AREA, rule, "all migrations are applied"),
        (Readiness::MigrationsPending, _) if opened.is_embedded() => Finding::ok(
            AREA,
            rule,
            "migrations are pending; `serve` applies them at start",
        ),
        (Readiness::MigrationsPending, _) => Finding::problem(
            AREA,
            rule,
            "migrations are pending, so the server does not become ready",
            "run `tessera migrate sql up`",
        ),
        (Readiness::SchemaTooNew(needed), _) => Finding::problem(
            AREA,
            rule,
            needed.as_str(),
            "upgrade this program, or migrate down with the newer one",
        ),
    }
}

async fn contents(store: &dyn Store) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    let mut after = None;
    loop {
        let page = Page {
            after: after.take(),
            offset: 0,
            limit: PAGE,
        };
        let records = store.list_clients(&ClientFilter::default(), &page).await?;
        let Some(last) = records.last() else { break };
        after = Some(last.metadata.client_id.clone());
        contents
            .clients
            .extend(records.into_iter().map(|record| record.metadata));
    }
    let keys = store.all_keys().await?;
    contents
        .sealed_keys
        .extend(keys.into_iter().map(|key| key.sealed_jwk));
    contents.sealed_parts = sealed_parts(store).await?;
    Ok(contents)
}

async fn sealed_parts(store: &dyn Store) -> Result<Vec<SealedParts>, StoreError> {
    let mut by_head: BTreeMap<Vec<u8>, SealedParts> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.sealed_grants(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.grant_id);
        for part in page
            .into_iter()
            .flat_map(|grant| [grant.session, grant.context])
        {
            // What is stored readable begins with a printable character, what is sealed with a version.
            let is_sealed = part.first().is_some_and(u8::is_ascii_control);
            let Some(head) = part.get(..HEAD_BYTES).filter(|_| is_sealed) else {
                continue;
            };
            let known = by_head.entry(head.to_vec());
            let known = known.or_insert_with(|| SealedParts {
                sample: part,
                count: 0,
            });
            known.count = known.count.saturating_add(1);
        }
    }
    Ok(by_head.into_values().collect())
}

/// Security: the file holds hashes and sealed keys.
fn privacy(path: &Path) -> Option<Finding> {
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    let rule = "the file is its owner's alone";
    let seen = format!("{} has mode {mode:o}", path.display());
    Some(if mode & 0o077 == 0 {
        Finding::ok(AREA, rule, seen)
    } else {
        Finding::warning(AREA, rule, seen, "chmod 600, also the files beside it")
    })
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, super::tests::*, *};

    #[test]
    fn a_file_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.sqlite");
        let dsn = format!("sqlite://{}", path.display());
        let (found, contents) = check(&settings(&[("DSN", &dsn)])).unwrap();
        assert_eq!(rules(&found, Level::Warning), ["it is there"]);
        assert!(contents.is_none() && !path.exists());
    }

    #[test]
    fn what_is_no_database_is_a_problem() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite");
        std::fs::write(&path, "no database at all, only a text that is long enough").unwrap();
        let dsn = format!("sqlite://{}", path.display());
        let (found, contents) = check(&settings(&[("DSN", &dsn)])).unwrap();
        assert_eq!(rules(&found, Level::Problem), ["it can be reached"]);
        assert!(contents.is_none());
    }
}
