//! A person with a hundred thousand grants: nothing takes longer than its deadline, and nothing is left behind.

use std::time::{Duration, Instant};

use tessera_protocol::time::Timestamp;
use tessera_store::{GrantList, GrantSelector, Store};

use super::schema::{Schema, client, server};

const MANY: u32 = 100_000;

/// Grants of `ann`: half of them for the client `app`, half for one that is not there; every tenth was asked for.
pub(crate) async fn give(schema: &Schema, count: u32) {
    let name = &schema.name;
    let script = format!(
        "SET search_path TO {name};
        INSERT INTO grants (grant_id, client_key, client_born, subject_key, sid, requested_at,
            remembered_until, tokens_until, tokens_revoked, server_epoch, was_asked, swept_at,
            client_id, subject, document, session, context)
        SELECT decode(md5(n::text), 'hex'),
            sha256(convert_to(CASE n % 2 WHEN 0 THEN 'app' ELSE 'web' END, 'UTF8')), 0, sha256('ann'),
            decode(md5((n / 10)::text), 'hex'), n, NULL, 4000000000000000, 0, 1,
            CASE n % 10 WHEN 0 THEN 1 ELSE 0 END, n, CASE n % 2 WHEN 0 THEN 'app' ELSE 'web' END,
            'ann', '{{\"v\":1,\"grant\":{{}}}}', convert_to(repeat('x', 200), 'UTF8'), ''
        FROM generate_series(1, {count}) AS n;
        INSERT INTO login_sessions (sid, subject_key, subject, authenticated_at, is_remembered,
            expires_at, provider_session_id)
        SELECT decode(md5(n::text), 'hex'), sha256('ann'), 'ann', 0, 1, 4000000000000000, ''
        FROM generate_series(1, {count}) AS n;
        ANALYZE grants; ANALYZE login_sessions; RESET search_path"
    );
    schema.admin.batch_execute(&script).await.unwrap();
}

async fn deleted(store: &dyn Store, selector: &GrantSelector<'_>) -> Duration {
    let (mut after, mut slowest) = (None, Duration::ZERO);
    loop {
        let started = Instant::now();
        after = store.delete_grants(selector, after, 500).await.unwrap();
        slowest = slowest.max(started.elapsed());
        if after.is_none() {
            return slowest;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_with_many_grants_is_listed_and_deleted_in_steps() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let store = schema.migrated().await.store;
    store.create_client(&client("app")).await.unwrap();
    give(&schema, MANY).await;
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
    let started = Instant::now();
    assert_eq!(
        store.count_grants(&list).await.unwrap(),
        u64::from(MANY / 10)
    );
    eprintln!("the count: {:?}", started.elapsed());
    let of_app = GrantSelector::OfClient {
        subject: "ann",
        client_id: "app",
    };
    let slowest = deleted(&*store, &of_app).await;
    eprintln!("the slowest step of those of a client: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(store.count_grants(&list).await.unwrap(), 0);
    let slowest = deleted(&*store, &GrantSelector::OfSubject("ann")).await;
    eprintln!("the slowest step of the rest: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    assert_eq!(store.sealed_grants(None, 1).await.unwrap(), []);
    let mut ended = 0;
    loop {
        let some = store
            .end_login_sessions_of(
                "ann",
                500,
                Timestamp::from_micros(0),
                Timestamp::from_micros(0),
            )
            .await
            .unwrap();
        ended += some;
        if some < 500 {
            break;
        }
    }
    assert_eq!(ended, u64::from(MANY));
    schema.drop().await;
}

/// All of them dead and due at once: each step of the clean-up is as short as the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_dead_grants_are_swept_in_steps() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let store = schema.migrated().await.store;
    give(&schema, MANY).await;
    let now = Timestamp::from_micros(1_000_000);
    let (mut swept, mut slowest) = (0, Duration::ZERO);
    while swept < u64::from(MANY) {
        let started = Instant::now();
        let some = store.delete_expired(now, 500).await.unwrap().deleted;
        slowest = slowest.max(started.elapsed());
        assert_eq!(some, 500, "after {swept}");
        swept += some;
    }
    eprintln!("the slowest step: {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    schema.drop().await;
}
