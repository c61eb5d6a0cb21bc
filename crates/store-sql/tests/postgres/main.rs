//! PostgreSQL keeps the contract, with prepared statements and without, and what it promises beyond it.
//!
//! `TESSERA_TEST_POSTGRES` is the URL of a superuser, or `none` to leave these tests out; every test works in schemas of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ending_session;
mod one_person;
mod retries;
mod schema;

use std::sync::Arc;
use std::time::Duration;

use tessera_protocol::time::Timestamp;
use tessera_store::{CreateClient, Readiness, contract};
use tessera_store_sql::{MigrationState, OpenOptions, PostgresOptions, open};

use schema::{Schema, client, is_unavailable, server, superuser};

async fn keeps_the_contract(prepared: bool) {
    let Some(server) = server() else { return };
    let admin = Arc::new(superuser(&server).await);
    let schemas = tokio::sync::Mutex::new(Vec::new());
    contract::run(async || {
        let schema = Schema::made_by(Arc::clone(&admin), &server).await;
        let options = PostgresOptions {
            prepared,
            ..schema.options()
        };
        let opened = open(&OpenOptions::Postgres(options)).await.unwrap();
        opened.migrations.up().await.unwrap();
        schemas.lock().await.push(schema);
        opened.store
    })
    .await;
    for schema in schemas.into_inner() {
        schema.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn prepared_statements_keep_the_contract() {
    keeps_the_contract(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn unprepared_statements_keep_the_contract() {
    keeps_the_contract(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrating_at_once_migrates_once() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let options = OpenOptions::Postgres(schema.options());
            tokio::spawn(
                async move { open(&options).await.unwrap().migrations.up().await.unwrap() },
            )
        })
        .collect();
    let mut applied = 0;
    for task in tasks {
        applied += task.await.unwrap().len();
    }
    let opened = schema.open().await;
    assert_eq!(applied, opened.migrations.status().await.unwrap().len());
    assert_eq!(opened.store.readiness().await.unwrap(), Readiness::Ready);
    schema.drop().await;
}

#[tokio::test]
async fn migrations_go_up_and_down_and_newer_ones_are_judged() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let opened = schema.open().await;
    assert_eq!(
        opened.store.readiness().await.unwrap(),
        Readiness::MigrationsPending
    );
    let early = opened.store.find_client("a").await;
    assert!(is_unavailable(&early), "{early:?}");
    let mut planned = opened.migrations.status().await.unwrap();
    planned.retain(|step| step.state == MigrationState::Pending);
    assert_eq!(opened.migrations.up().await.unwrap().len(), planned.len());
    assert_eq!(opened.migrations.up().await.unwrap(), []);
    opened.store.create_client(&client("a")).await.unwrap();
    let status = opened.migrations.status().await.unwrap();
    assert!(
        status
            .iter()
            .all(|step| step.state == MigrationState::Applied)
    );
    assert_eq!(opened.migrations.down(9).await.unwrap().len(), status.len());
    assert_eq!(
        opened.store.readiness().await.unwrap(),
        Readiness::MigrationsPending
    );
    opened.migrations.up().await.unwrap();
    assert_eq!(opened.store.find_client("a").await.unwrap(), None);

    let add = |version: u32, kind: &str| {
        let table = &schema.name;
        format!(
            "INSERT INTO {table}.schema_migrations VALUES ({version}, 'later', '{kind}', '9.9.0', 'x')"
        )
    };
    schema
        .admin
        .batch_execute(&add(900, "expand"))
        .await
        .unwrap();
    assert_eq!(opened.store.readiness().await.unwrap(), Readiness::Ready);
    schema
        .admin
        .batch_execute(&add(901, "contract"))
        .await
        .unwrap();
    let readiness = opened.store.readiness().await.unwrap();
    assert!(matches!(&readiness, Readiness::SchemaTooNew(text) if text.contains("9.9.0")));
    schema.drop().await;
}

#[tokio::test]
async fn severed_connections_are_replaced() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let opened = schema.migrated().await;
    let sever = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'",
        schema.name
    );
    for number in 0..5 {
        let client_id = number.to_string();
        let outcome = opened
            .store
            .create_client(&client(&client_id))
            .await
            .unwrap();
        assert_eq!(outcome, CreateClient::Done);
        for _ in 0..4 {
            assert!(
                opened
                    .store
                    .find_client(&client_id)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
        let severed = schema.admin.query(&sever, &[]).await.unwrap();
        assert!(severed.len() >= 2, "there was something to sever");
    }
    schema.drop().await;
}

#[tokio::test]
async fn a_blocked_write_misses_its_deadline_and_the_store_recovers() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let opened = schema.migrated().await;
    let blocker = superuser(&schema.url).await;
    blocker
        .batch_execute("BEGIN; LOCK TABLE revoked_tokens IN EXCLUSIVE MODE")
        .await
        .unwrap();
    let revoke = opened.store.revoke_token([1; 16], Timestamp::from_secs(1));
    let answer = tokio::time::timeout(Duration::from_secs(4), revoke)
        .await
        .unwrap();
    assert!(is_unavailable(&answer), "{answer:?}");
    assert_eq!(
        opened.store.find_client("a").await.unwrap(),
        None,
        "reads go on"
    );
    blocker.batch_execute("ROLLBACK").await.unwrap();
    opened
        .store
        .revoke_token([2; 16], Timestamp::from_secs(1))
        .await
        .unwrap();
    schema.drop().await;
}

#[tokio::test]
async fn a_database_that_refuses_writes_is_unavailable() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    schema.migrated().await;
    let options = PostgresOptions {
        url: format!("{}%20-cdefault_transaction_read_only%3Don", schema.url),
        ..schema.options()
    };
    let opened = open(&OpenOptions::Postgres(options)).await.unwrap();
    let write = opened.store.create_client(&client("a")).await;
    assert!(is_unavailable(&write), "{write:?}");
    assert_eq!(opened.store.find_client("a").await.unwrap(), None);
    schema.drop().await;
}

#[tokio::test]
async fn an_unreachable_database_is_unavailable_at_once() {
    // Nobody listens on the discard port.
    let options = PostgresOptions {
        url: "postgres://nobody:secret@127.0.0.1:9/none".to_owned(),
        max_conns: 2,
        max_idle_conns: 1,
        prepared: true,
    };
    let opened = open(&OpenOptions::Postgres(options)).await.unwrap();
    for _ in 0..20 {
        let read =
            tokio::time::timeout(Duration::from_secs(1), opened.store.find_client("a")).await;
        let read = read.unwrap();
        assert!(is_unavailable(&read), "{read:?}");
        assert!(!format!("{read:?}").contains("secret"), "{read:?}");
    }
    assert!(is_unavailable(&opened.store.readiness().await));
    assert!(is_unavailable(&opened.migrations.up().await));
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let opened = schema.migrated().await;
    opened.store.create_client(&client("a")).await.unwrap();
    opened.close().await;
    assert!(is_unavailable(&opened.store.find_client("a").await));
    assert!(is_unavailable(
        &opened.store.create_client(&client("b")).await
    ));
    schema.drop().await;
}
