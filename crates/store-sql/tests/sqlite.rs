//! SQLite keeps the contract, in a file and in memory, and what it promises beyond it.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::contract;
use tessera_store::{Liveness, Readiness, StoreError, TokenAnchor};
use tessera_store_sql::{MigrationState, OpenOptions, Opened, SqliteOptions, open};

async fn open_at(path: &Path) -> Opened {
    let options = SqliteOptions {
        path: Some(path.to_owned()),
        synchronous_full: true,
    };
    open(&OpenOptions::Sqlite(options)).await.unwrap()
}

async fn migrated_at(path: &Path) -> Opened {
    let opened = open_at(path).await;
    opened.migrations.up().await.unwrap();
    opened
}

async fn migrated_in_memory() -> Opened {
    let options = SqliteOptions {
        path: None,
        synchronous_full: true,
    };
    let opened = open(&OpenOptions::Sqlite(options)).await.unwrap();
    opened.migrations.up().await.unwrap();
    opened
}

fn client(client_id: &str) -> ClientRecord {
    ClientRecord {
        metadata: ClientMetadata {
            client_id: client_id.to_owned(),
            ..ClientMetadata::default()
        },
        secret_hashes: Vec::new(),
        registration_token_hash: None,
        token_epoch: 1,
        version: 1,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_keeps_the_contract() {
    let directory = TempDir::new().unwrap();
    let number = Mutex::new(0);
    contract::run(async || {
        let path = {
            let mut number = number.lock().unwrap();
            *number += 1;
            directory.path().join(format!("{number}.sqlite"))
        };
        migrated_at(&path).await.store
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn memory_keeps_the_contract() {
    contract::run(async || migrated_in_memory().await.store).await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("deep/er/db.sqlite");
    let opened = migrated_at(&path).await;
    opened.store.create_client(&client("a")).await.unwrap();
    opened.close().await;
    let after_close = opened.store.create_client(&client("b")).await;
    assert!(
        matches!(after_close, Err(StoreError::Unavailable(_))),
        "{after_close:?}"
    );
    assert!(matches!(
        opened.store.find_client("a").await,
        Err(StoreError::Unavailable(_))
    ));
    drop(opened);
    let wal = path.with_extension("sqlite-wal");
    assert!(
        !wal.exists() || wal.metadata().unwrap().len() == 0,
        "the log was checkpointed"
    );
    let opened = migrated_at(&path).await;
    assert_eq!(
        opened.store.find_client("a").await.unwrap(),
        Some(client("a"))
    );
    assert_eq!(opened.store.find_client("b").await.unwrap(), None);
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("state/db.sqlite");
    let opened = migrated_at(&path).await;
    opened.store.create_client(&client("a")).await.unwrap();
    opened.store.find_client("a").await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for name in ["db.sqlite", "db.sqlite-wal", "db.sqlite-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_processes_may_start_on_one_empty_file() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("db.sqlite");
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                let opened = open_at(&path).await;
                let applied = opened.migrations.up().await.unwrap().len();
                (opened, applied)
            })
        })
        .collect();
    let mut all = Vec::new();
    for start in starts {
        all.push(start.await.unwrap());
    }
    assert_eq!(
        all.iter().map(|(_, applied)| applied).sum::<usize>(),
        all[0].0.migrations.status().await.unwrap().len(),
        "migrated once"
    );
    for (number, (opened, _)) in all.iter().enumerate() {
        opened
            .store
            .create_client(&client(&number.to_string()))
            .await
            .unwrap();
    }
    for (opened, _) in &all {
        assert_eq!(opened.store.count_clients().await.unwrap(), 8);
    }
}

#[tokio::test]
async fn migrations_go_up_and_down() {
    let opened = {
        let options = SqliteOptions {
            path: None,
            synchronous_full: true,
        };
        open(&OpenOptions::Sqlite(options)).await.unwrap()
    };
    assert_eq!(
        opened.store.readiness().await.unwrap(),
        Readiness::MigrationsPending
    );
    let mut planned = opened.migrations.status().await.unwrap();
    planned.retain(|step| step.state == MigrationState::Pending);
    assert_eq!(opened.migrations.up().await.unwrap().len(), planned.len());
    assert_eq!(opened.migrations.up().await.unwrap(), []);
    assert_eq!(opened.store.readiness().await.unwrap(), Readiness::Ready);
    let status = opened.migrations.status().await.unwrap();
    assert!(
        status
            .iter()
            .all(|step| step.state == MigrationState::Applied)
    );
    assert_eq!(opened.migrations.down(1).await.unwrap().len(), 1);
    assert_eq!(
        opened.store.readiness().await.unwrap(),
        Readiness::MigrationsPending
    );
    opened.migrations.up().await.unwrap();
    opened.store.create_client(&client("a")).await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_is_used_unless_it_contracts() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("db.sqlite");
    let opened = migrated_at(&path).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    let add = |version: u32, kind: &str| {
        other
            .execute(
                "INSERT INTO schema_migrations VALUES (?1, 'later', ?2, '9.9.0', 'x')",
                (version, kind),
            )
            .unwrap();
    };
    add(900, "expand");
    assert_eq!(opened.store.readiness().await.unwrap(), Readiness::Ready);
    add(901, "contract");
    let readiness = opened.store.readiness().await.unwrap();
    assert!(matches!(&readiness, Readiness::SchemaTooNew(text) if text.contains("9.9.0")));
}

#[tokio::test]
async fn a_backup_is_whole_and_overwrites_nothing() {
    let directory = TempDir::new().unwrap();
    let copy = directory.path().join("copy of 'it'.sqlite");
    for opened in [
        migrated_at(&directory.path().join("db.sqlite")).await,
        migrated_in_memory().await,
    ] {
        opened.store.create_client(&client("a")).await.unwrap();
        opened.backup(&copy).await.unwrap();
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let again = opened.backup(&copy).await;
        assert!(
            matches!(again, Err(StoreError::Unavailable(_))),
            "{again:?}"
        );
        let restored = open_at(&copy).await;
        assert_eq!(
            restored.store.find_client("a").await.unwrap(),
            Some(client("a"))
        );
        restored.close().await;
        std::fs::remove_file(&copy).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_is_unavailable_and_recovers() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("db.sqlite");
    let opened = migrated_at(&path).await;
    opened.store.create_client(&client("a")).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let store = Arc::clone(&opened.store);
    let write = store.create_client(&client("b")).await;
    assert!(
        matches!(write, Err(StoreError::Unavailable(_))),
        "{write:?}"
    );
    assert!(
        opened.store.find_client("a").await.unwrap().is_some(),
        "reads go on"
    );
    other.execute_batch("ROLLBACK").unwrap();
    opened.store.create_client(&client("b")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_transaction_loses_every_write_of_its_batch() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("db.sqlite");
    let opened = migrated_at(&path).await;
    opened.store.server_epoch(1).await.unwrap();
    opened.store.create_client(&client("a")).await.unwrap();
    // A trigger ends the transaction under the batch, as SQLite itself does after some faults of the disk.
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON revoked_tokens
             WHEN NEW.token_id = x'09090909090909090909090909090909'
             BEGIN SELECT RAISE(ROLLBACK, 'gone'); END",
        )
        .unwrap();
    let tasks: Vec<_> = (0..64_u8)
        .map(|number| {
            let store = Arc::clone(&opened.store);
            tokio::spawn(async move {
                (
                    number,
                    store
                        .revoke_token([number; 16], Timestamp::from_secs(1))
                        .await,
                )
            })
        })
        .collect();
    for task in tasks {
        let (number, answer) = task.await.unwrap();
        let anchor = TokenAnchor::Machine {
            token_id: [number; 16],
            client_id: "a",
            client_epoch: 1,
            server_epoch: 1,
        };
        let live = opened.store.check_live(&anchor).await.unwrap();
        match answer {
            Ok(()) => assert_eq!(live, Liveness::Revoked, "answered, so it is there"),
            Err(StoreError::Unavailable(_)) => {
                assert_eq!(live, Liveness::Live(None), "all or nothing")
            }
            Err(other) => panic!("{other:?}"),
        }
        assert!(number != 9 || live == Liveness::Live(None));
    }
    opened
        .store
        .revoke_token([200; 16], Timestamp::from_secs(1))
        .await
        .unwrap();
}
