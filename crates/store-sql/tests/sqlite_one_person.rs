//! A person with a hundred thousand grants on SQLite: the one writer is never held for long, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_protocol::time::Timestamp;
use tessera_store::{GrantList, GrantSelector, Store};
use tessera_store_sql::{OpenOptions, Opened, SqliteOptions, open};

const MANY: u32 = 100_000;
/// What a write may wait for at most while others are at work: a fraction of what one deletion of them all takes.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Grants and sessions of `ann`: half of the grants for the client `app`, half for one that is not there; every tenth
/// was asked for.
async fn with_many(path: &Path) -> Opened {
    let options = SqliteOptions {
        path: Some(path.to_owned()),
        synchronous_full: true,
    };
    let opened = open(&OpenOptions::Sqlite(options)).await.unwrap();
    opened.migrations.up().await.unwrap();
    let app = ClientRecord {
        metadata: ClientMetadata {
            client_id: "app".to_owned(),
            ..ClientMetadata::default()
        },
        secret_hashes: Vec::new(),
        registration_token_hash: None,
        token_epoch: 1,
        version: 1,
    };
    opened.store.create_client(&app).await.unwrap();
    let key = |text: &str| {
        let digest = tessera_crypto::sha256(text.as_bytes());
        digest
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<String>()
    };
    let (app, web, ann) = (key("app"), key("web"), key("ann"));
    let script = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
        INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at,
            remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked, swept_at,
            client_id, subject, document, session, context)
        SELECT randomblob(16), iif(n % 2 = 0, x'{app}', x'{web}'), 0, x'{ann}', randomblob(16), n, NULL,
            4000000000000000, 0, 1, iif(n % 10 = 0, 1, 0), n, iif(n % 2 = 0, 'app', 'web'), 'ann',
            '{{\"v\":1,\"grant\":{{}}}}', randomblob(200), x''
        FROM numbers;
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {MANY})
        INSERT INTO login_sessions (sid, subject_key, subject, authenticated_at, is_remembered,
            expires_at, provider_session_id)
        SELECT randomblob(16), x'{ann}', 'ann', 0, 1, 4000000000000000, '' FROM numbers;"
    );
    let direct = rusqlite::Connection::open(path).unwrap();
    direct.execute_batch(&script).unwrap();
    opened
}

/// Runs `work` while another keeps writing; answers the longest that one of those writes took.
async fn longest_wait(store: &Arc<dyn Store>, work: impl Future<Output = ()>) -> Duration {
    let is_done = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let (store, is_done) = (Arc::clone(store), Arc::clone(&is_done));
        async move {
            let (mut longest, mut number) = (Duration::ZERO, 0_u128);
            while !is_done.load(Ordering::Relaxed) {
                number += 1;
                let started = Instant::now();
                let token = number.to_be_bytes();
                store.revoke_token(token, Timestamp::MAX).await.unwrap();
                longest = longest.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            longest
        }
    });
    work.await;
    is_done.store(true, Ordering::Relaxed);
    other.await.unwrap()
}

async fn delete(store: &dyn Store, selector: &GrantSelector<'_>) {
    let mut after = None;
    loop {
        after = store.delete_grants(selector, after, 500).await.unwrap();
        if after.is_none() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_many_grants_is_listed_and_deleted_in_steps() {
    let directory = TempDir::new().unwrap();
    let opened = with_many(&directory.path().join("db.sqlite")).await;
    let store = &opened.store;
    let list = GrantList {
        subject: "ann",
        sid: None,
        includes_lapsed: true,
        newest_first: false,
        after: Some((Timestamp::from_micros(90_000), [0; 16])),
        offset: 0,
        limit: 100,
        now: Timestamp::from_micros(0),
    };
    let started = Instant::now();
    assert_eq!(store.list_grants(&list).await.unwrap().len(), 100);
    eprintln!("a page of the list: {:?}", started.elapsed());
    let count = async || store.count_grants(&list).await.unwrap();
    let started = Instant::now();
    assert_eq!(count().await, u64::from(MANY / 10));
    eprintln!("the count: {:?}", started.elapsed());
    let wait = longest_wait(store, async {
        let of_app = GrantSelector::OfClient {
            subject: "ann",
            client_id: "app",
        };
        delete(&**store, &of_app).await;
        assert_eq!(count().await, 0);
        delete(&**store, &GrantSelector::OfSubject("ann")).await;
        while store
            .end_login_sessions_of(
                "ann",
                500,
                Timestamp::from_micros(0),
                Timestamp::from_micros(0),
            )
            .await
            .unwrap()
            == 500
        {}
    })
    .await;
    eprintln!("the longest wait: {wait:?}");
    assert!(wait < WAIT_MAX, "{wait:?}");
    assert_eq!(store.sealed_grants(None, 1).await.unwrap(), []);
    assert_eq!(
        store
            .end_login_sessions_of(
                "ann",
                500,
                Timestamp::from_micros(0),
                Timestamp::from_micros(0)
            )
            .await
            .unwrap(),
        0
    );
}

/// All of them dead and due at once: each step of the clean-up is as short as the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dead_grants_are_swept_in_steps() {
    let directory = TempDir::new().unwrap();
    let opened = with_many(&directory.path().join("db.sqlite")).await;
    let store = &opened.store;
    let wait = longest_wait(store, async {
        let mut swept = 0;
        while swept < u64::from(MANY) {
            let now = Timestamp::from_micros(1_000_000);
            let some = store.delete_expired(now, 500).await.unwrap().deleted;
            assert_eq!(some, 500, "after {swept}");
            swept += some;
        }
    })
    .await;
    eprintln!("the longest wait: {wait:?}");
    assert!(wait < WAIT_MAX, "{wait:?}");
    assert_eq!(store.sealed_grants(None, 1).await.unwrap(), []);
}
