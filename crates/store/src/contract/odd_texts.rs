//! Texts that some database would change: kept byte for byte, or refused.

use tessera_protocol::grant::record::{GrantRecord, LoginSession};
use tessera_protocol::time::Timestamp;

use super::people::{
    finish, give, leg, log_in, login, login_session, notice, remembered, with_app,
};
use super::samples::{anchor, at, client, key};
use super::{Fresh, cases};
use crate::{
    ClientFilter, CreateClient, FinishLogin, FinishedLogin, GrantList, GrantSelector, Liveness,
    Page, SingleUse,
};

cases![
    odd_ids_are_kept_apart,
    long_ids_are_kept_whole,
    odd_key_names_are_kept_apart,
    odd_subjects_are_kept_apart,
    a_nul_is_refused,
    a_nul_of_a_person_is_refused,
];

fn odd_texts() -> Vec<String> {
    let mut all: Vec<String> = [
        "a",
        "A",
        "a ",
        " a",
        "a\t",
        "a\n",
        "\u{e4}",
        "a\u{308}",
        "\u{c4}",
        "a/b",
        "a%2Fb",
        "a%",
        "a_",
        "a'b",
        "a\"b",
        "a\\b",
        "a;--",
        "\u{1f511}",
        "\u{10ffff}",
        "\u{7f}",
        "\u{1}",
        "null",
        "\u{feff}a",
        "\u{df}",
        "ss",
        "\u{130}",
        "i",
        "I",
        "\u{131}",
        "0",
        "00",
        "1e0",
        "$1",
        "?1",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("x".repeat(300));
    all.push(format!("{}y", "x".repeat(300)));
    all
}

async fn odd_ids_are_kept_apart(store: Fresh) {
    store.server_epoch(5).await.unwrap();
    let mut all = odd_texts();
    for (number, client_id) in (0..).zip(&all) {
        let outcome = store
            .create_client(&client(client_id, number))
            .await
            .unwrap();
        assert_eq!(outcome, CreateClient::Done, "{client_id:?}");
    }
    for (number, client_id) in (0..).zip(&all) {
        let found = store.find_client(client_id).await.unwrap();
        assert_eq!(found, Some(client(client_id, number)), "{client_id:?}");
        let live = store.check_live(&anchor(client_id, 1, 5)).await.unwrap();
        assert_eq!(live, Liveness::Live(None), "{client_id:?}");
    }
    all.sort();
    let mut walked = Vec::new();
    loop {
        let page = Page {
            after: walked.last().cloned(),
            offset: 0,
            limit: 5,
        };
        let found = store
            .list_clients(&ClientFilter::default(), &page)
            .await
            .unwrap();
        if found.is_empty() {
            break;
        }
        walked.extend(found.into_iter().map(|record| record.metadata.client_id));
    }
    assert_eq!(walked, all, "ordered byte by byte");
    for client_id in &all {
        assert!(
            store.delete_client(client_id).await.unwrap(),
            "{client_id:?}"
        );
    }
    assert_eq!(store.count_clients().await.unwrap(), 0);
}

/// Bytes that do not compress, so that an index row cannot hide its length.
fn long_text(last: char) -> String {
    let mut seeded = super::samples::Seeded::new(11);
    let mut text = String::new();
    while text.len() < 1_998 {
        text.push(char::from(b'!' + u8::try_from(seeded.below(94)).unwrap()));
    }
    text.push('.');
    text.push(last);
    text
}

async fn long_ids_are_kept_whole(store: Fresh) {
    for (version, last) in [(1, 'a'), (2, 'b')] {
        let mut record = client(&long_text(last), version);
        record.metadata.client_name = long_text(last).repeat(20);
        record.metadata.owner = long_text(last).repeat(20);
        assert_eq!(
            store.create_client(&record).await.unwrap(),
            CreateClient::Done
        );
        let found = store.find_client(&long_text(last)).await.unwrap();
        assert_eq!(found, Some(record));
    }
    assert_eq!(store.count_clients().await.unwrap(), 2);
    let filter = ClientFilter {
        name: Some(long_text('b').repeat(20)),
        owner: None,
    };
    let page = Page {
        after: Some(long_text('a')),
        offset: 0,
        limit: 9,
    };
    let found = store.list_clients(&filter, &page).await.unwrap();
    assert_eq!(found.len(), 1);
}

async fn odd_key_names_are_kept_apart(store: Fresh) {
    let mut all = odd_texts();
    all.extend([long_text('a'), long_text('b')]);
    for text in &all {
        let stored = store.insert_first_key(&key(text, text, 0)).await.unwrap();
        assert_eq!(stored, [key(text, text, 0)], "{text:?}");
    }
    for text in &all {
        assert_eq!(
            store.keys(text).await.unwrap(),
            [key(text, text, 0)],
            "{text:?}"
        );
    }
    all.sort();
    let sets: Vec<String> = store
        .all_keys()
        .await
        .unwrap()
        .into_iter()
        .map(|found| found.set)
        .collect();
    assert_eq!(sets, all);
}

async fn a_nul_is_refused(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    assert!(store.create_client(&client("a\0b", 2)).await.is_err());
    assert!(store.replace_client(&client("a\0", 2), 1).await.is_err());
    assert!(store.find_client("a\0").await.is_err());
    assert!(store.delete_client("a\0").await.is_err());
    assert!(store.renew_token_epoch("a\0", 1).await.is_err());
    let mut named = client("b", 2);
    named.metadata.client_name = "a\0".to_owned();
    assert!(store.create_client(&named).await.is_err());
    let mut owned = client("b", 2);
    owned.metadata.owner = "\0".to_owned();
    assert!(store.create_client(&owned).await.is_err());
    let page = Page {
        after: Some("\0".to_owned()),
        offset: 0,
        limit: 9,
    };
    assert!(
        store
            .list_clients(&ClientFilter::default(), &page)
            .await
            .is_err()
    );
    assert!(store.insert_first_key(&key("a\0", "kid", 0)).await.is_err());
    assert!(store.insert_first_key(&key("a", "kid\0", 0)).await.is_err());
    assert!(store.keys("a\0").await.is_err());
    assert!(store.generated_secret("a\0").await.is_err());
    assert_eq!(store.find_client("a").await.unwrap(), Some(client("a", 1)));
    assert_eq!(store.count_clients().await.unwrap(), 1);
    assert!(store.all_keys().await.unwrap().is_empty());

    store.server_epoch(5).await.unwrap();
    let live = store.check_live(&anchor("a\0", 1, 5)).await;
    assert_ne!(
        live,
        Ok(Liveness::Live(None)),
        "a cut id would be the id of another client"
    );
    store.revoke_token([0; 16], at(0)).await.unwrap();
}

fn list(subject: &str) -> GrantList<'_> {
    GrantList {
        subject,
        sid: None,
        includes_lapsed: true,
        newest_first: true,
        after: None,
        offset: 0,
        limit: 9,
        now: at(0),
    }
}

async fn odd_subjects_are_kept_apart(store: Fresh) {
    with_app(&store).await;
    let mut all = odd_texts();
    all.extend([String::new(), long_text('a'), long_text('b')]);
    for (number, subject) in (1..).zip(&all) {
        let session = LoginSession {
            identity_provider_session_id: subject.clone(),
            ..login_session(number, subject)
        };
        log_in(&store, &session).await;
        let found = store.find_login_session(session.sid).await.unwrap();
        assert_eq!(found, Some(session), "{subject:?}");
        let given = GrantRecord {
            subject: subject.clone(),
            ..remembered(number, Timestamp::MAX)
        };
        give(&store, &given, None).await;
    }
    for (number, subject) in (1..).zip(&all) {
        let listed = store.list_grants(&list(subject)).await.unwrap();
        let ids: Vec<u8> = listed.iter().map(|grant| grant.grant_id[0]).collect();
        assert_eq!(ids, [number], "{subject:?}");
        assert!(listed.iter().all(|grant| grant.subject == *subject));
        let claim = leg(SingleUse::LoginLeg, 100 + number, 1);
        let finish = FinishLogin {
            subject,
            ..login(&claim)
        };
        let recalled = store.finish_login(&finish, at(0)).await.unwrap();
        let scope = format!("scope{number}");
        assert!(
            matches!(&recalled, FinishedLogin::Done(Some(r)) if r.scope.contains(&scope)),
            "{subject:?}: {recalled:?}"
        );
    }
    for (number, subject) in (1..).zip(&all) {
        let selector = GrantSelector::OfSubject(subject);
        store.delete_grants(&selector, None, 9).await.unwrap();
        assert_eq!(store.count_grants(&list(subject)).await.unwrap(), 0);
        super::people::log_out(&store, subject).await;
        let found = store.find_login_session([number; 16]).await.unwrap();
        assert_eq!(found, None, "{subject:?}");
        let next = store.find_login_session([number + 1; 16]).await.unwrap();
        assert_eq!(next.is_some(), usize::from(number) < all.len());
    }
}

async fn a_nul_of_a_person_is_refused(store: Fresh) {
    with_app(&store).await;
    let claim = leg(SingleUse::ConsentLeg, 1, 1);
    for (subject, client_id) in [("a\0", "app"), ("a", "app\0")] {
        let given = GrantRecord {
            subject: subject.to_owned(),
            client_id: client_id.to_owned(),
            ..remembered(1, at(9))
        };
        let finished = store.finish_consent(&finish(&claim, &given), at(0)).await;
        assert!(finished.is_err(), "{finished:?}");
        let finish = FinishLogin {
            subject,
            client_id,
            ..login(&claim)
        };
        assert!(store.finish_login(&finish, at(0)).await.is_err());
        let selector = GrantSelector::OfClient { subject, client_id };
        assert!(store.delete_grants(&selector, None, 9).await.is_err());
    }
    let of_nul = login_session(1, "a\0");
    let of_provider = LoginSession {
        identity_provider_session_id: "\0".to_owned(),
        ..login_session(1, "a")
    };
    for session in [of_nul, of_provider] {
        let finish = FinishLogin {
            new_session: Some(&session),
            ..login(&claim)
        };
        assert!(store.finish_login(&finish, at(0)).await.is_err());
    }
    let selector = GrantSelector::OfSubject("a\0");
    assert!(store.delete_grants(&selector, None, 9).await.is_err());
    assert!(store.list_grants(&list("a\0")).await.is_err());
    assert!(store.count_grants(&list("a\0")).await.is_err());
    assert!(
        store
            .end_login_sessions_of("a\0", 9, at(0), at(600))
            .await
            .is_err()
    );
    let mut unsent = notice(1);
    unsent.client_id = "\0".to_owned();
    assert!(store.end_login_session([1; 16], &unsent).await.is_err());
    give(&store, &remembered(1, at(9)), None).await;
}
