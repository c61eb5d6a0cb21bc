//! A session that ends while a client joins it, on two connections.

use std::time::Duration;

use tessera_protocol::grant::record::{GrantContent, GrantRecord, LoginSession};
use tessera_protocol::time::Timestamp;
use tessera_store::{Claim, FinishConsent, FinishLogin, FinishedConsent, LogoutNotice, SingleUse};

use super::{Schema, client, server, superuser};

/// The end of a session began before the grant was committed, so its snapshot does not show the grant.
#[tokio::test]
async fn a_grant_that_an_ending_session_waited_for_is_listed_after_the_end() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let opened = schema.migrated().await;
    let store = &opened.store;
    let later = Timestamp::from_secs(600);
    store.server_epoch(1).await.unwrap();
    store.create_client(&client("app")).await.unwrap();
    let claim = |single_use| Claim {
        single_use,
        value_hash: [1; 32],
        attempt: 1,
        expires_at: later,
    };
    let session = LoginSession {
        sid: [1; 16],
        subject: "ann".to_owned(),
        authenticated_at: Timestamp::from_secs(0),
        is_remembered: true,
        expires_at: later,
        identity_provider_session_id: String::new(),
    };
    let login = FinishLogin {
        claim: &claim(SingleUse::LoginLeg),
        new_session: Some(&session),
        used_session: None,
        retired_session: None,
        subject: "ann",
        client_id: "app",
    };
    let now = Timestamp::from_secs(0);
    store.finish_login(&login, now).await.unwrap();
    let grant = GrantRecord {
        grant_id: [1; 16],
        client_id: "app".to_owned(),
        subject: "ann".to_owned(),
        sid: Some([1; 16]),
        requested_at: now,
        remembered_until: None,
        tokens_until: later,
        server_epoch: 1,
        was_asked: true,
        content: GrantContent::default(),
        session: Vec::new(),
        context: Vec::new(),
    };
    let consent = FinishConsent {
        claim: &claim(SingleUse::ConsentLeg),
        grant: &grant,
        consent_pending: None,
        login_pending: None,
        code: None,
    };
    let announcement = LogoutNotice {
        id: [1; 16],
        client_id: String::new(),
        sid: [1; 16],
        attempts: 0,
        due_at: now,
        expires_at: later,
    };
    // Whoever spends the same leg keeps the flow's end waiting, which has its lock on the session by then.
    let other = superuser(&schema.url).await;
    let spend = "BEGIN; INSERT INTO used_once (single_use, value_hash, attempt, expires_at)
        VALUES (3, decode(repeat('01', 32), 'hex'), 2, 1)";
    other.batch_execute(spend).await.unwrap();
    let waiting = async |count: i64| {
        let sql = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = $1 AND wait_event_type = 'Lock'";
        while schema
            .admin
            .query_one(sql, &[&schema.name])
            .await
            .unwrap()
            .get::<_, i64>(0)
            < count
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (given, ended, ()) = tokio::join!(
        store.finish_consent(&consent, now),
        async {
            waiting(1).await;
            store.end_login_session([1; 16], &announcement).await
        },
        async {
            waiting(2).await;
            let known = store.clients_of_session([1; 16], 9).await;
            assert_eq!(
                known,
                Ok(Vec::new()),
                "whoever is listed before the end is not all"
            );
            other.batch_execute("ROLLBACK").await.unwrap();
        }
    );
    assert!(
        matches!(given, Ok(FinishedConsent::Done { .. })),
        "{given:?}"
    );
    assert_eq!(ended, Ok(true));
    assert_eq!(store.clients_of_session([1; 16], 9).await.unwrap(), ["app"]);
    schema.drop().await;
}
