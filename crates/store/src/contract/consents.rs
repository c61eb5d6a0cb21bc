//! Rules of the end of a flow, and of the grant that it stores.

use std::sync::Arc;

use tessera_protocol::grant::record::{GrantContent, GrantRecord, LoginSession};
use tessera_protocol::time::Timestamp;

use super::people::{
    code, end, finish, found, full_content, give, grant, leg, log_in, login, login_session,
    pending, recalled, redeem, remembered, with_app,
};
use super::samples::at;
use super::{Fresh, at_once, cases};
use crate::{
    FinishConsent, FinishedConsent, FinishedLogin, GrantSelector, Pending, RedeemedCode, SingleUse,
};

cases![
    a_grant_is_read_as_it_was_written,
    a_grant_takes_what_is_pending,
    a_flow_is_finished_once,
    of_many_ends_of_a_flow_one_is_stored,
    a_repeated_end_is_done_and_revives_nothing,
    an_expired_leg_does_not_count,
    a_flow_cannot_end_after_its_session,
    a_flow_cannot_end_after_its_client,
];

fn done() -> FinishedConsent {
    FinishedConsent::Done {
        session: Vec::new(),
    }
}

async fn a_grant_is_read_as_it_was_written(store: Fresh) {
    with_app(&store).await;
    let session = login_session(9, "ann");
    log_in(&store, &session).await;
    let full = GrantRecord {
        sid: Some(session.sid),
        requested_at: Timestamp::from_micros(1_700_000_000_000_001),
        remembered_until: Some(Timestamp::MAX),
        tokens_until: Timestamp::MAX,
        content: full_content(),
        ..grant(1)
    };
    let bare = GrantRecord {
        was_asked: false,
        content: GrantContent::default(),
        ..grant(2)
    };
    for grant in [full, bare] {
        let number = grant.grant_id[0];
        give(&store, &grant, Some(&code(number, grant.grant_id))).await;
        let stored = store.load_code([number; 16]).await.unwrap().unwrap();
        assert_eq!(stored.code, code(number, grant.grant_id));
        assert_eq!((stored.used_by, stored.is_live), (None, true));
        assert_eq!(stored.grant, grant);
        assert_eq!(found(&store, number).await, Some(grant));
    }
}

/// The pending rows of consent and login, and the session and context that a grant takes of them.
type Taken = (Option<u8>, Option<u8>, &'static [u8], &'static [u8]);

async fn a_grant_takes_what_is_pending(store: Fresh) {
    with_app(&store).await;
    let with_both = Pending {
        session: Some(vec![0, 255]),
        context: Some(vec![1]),
        ..pending(1)
    };
    let with_session = Pending {
        session: Some(vec![2]),
        ..pending(2)
    };
    let of_login = Pending {
        session: Some(vec![3]),
        context: Some(vec![4]),
        ..pending(3)
    };
    for row in [with_both, with_session, of_login] {
        store.keep_pending(&row).await.unwrap();
    }
    let expected: [Taken; 5] = [
        (Some(1), Some(3), &[0, 255], &[1]),
        (Some(2), Some(3), &[2], &[4]),
        (None, Some(3), &[], &[4]),
        (Some(2), None, &[2], &[]),
        (Some(8), Some(9), &[], &[]),
    ];
    for ((consent, of_login, session, context), number) in expected.into_iter().zip(1..) {
        let claim = leg(SingleUse::ConsentLeg, number, 1);
        let grant = grant(number);
        let finish = FinishConsent {
            consent_pending: consent.map(|n| [n; 16]),
            login_pending: of_login.map(|n| [n; 16]),
            ..finish(&claim, &grant)
        };
        for _ in 0..2 {
            let outcome = store.finish_consent(&finish, at(0)).await.unwrap();
            let session = session.to_vec();
            assert_eq!(outcome, FinishedConsent::Done { session }, "{number}");
        }
        let stored = found(&store, number).await.unwrap();
        assert_eq!(
            (&stored.session[..], &stored.context[..]),
            (session, context)
        );
    }
}

async fn a_flow_is_finished_once(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), None).await;
    let claim = leg(SingleUse::ConsentLeg, 1, 2);
    let (other, other_code) = (grant(2), code(2, [2; 16]));
    let second = FinishConsent {
        code: Some(&other_code),
        ..finish(&claim, &other)
    };
    let outcome = store.finish_consent(&second, at(0)).await.unwrap();
    assert_eq!(outcome, FinishedConsent::AlreadyFinished);
    assert_eq!(found(&store, 2).await, None);
    assert_eq!(store.load_code([2; 16]).await.unwrap(), None);
    let login_leg = leg(SingleUse::LoginLeg, 1, 3);
    let outcome = store.finish_login(&login(&login_leg), at(0)).await.unwrap();
    assert_eq!(outcome, FinishedLogin::Done(None), "another leg");
}

async fn of_many_ends_of_a_flow_one_is_stored(store: Fresh) {
    with_app(&store).await;
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            let claim = leg(SingleUse::ConsentLeg, 1, number);
            let number = u8::try_from(number).unwrap();
            let (grant, code) = (grant(number), code(number, [number; 16]));
            let finish = FinishConsent {
                code: Some(&code),
                ..finish(&claim, &grant)
            };
            store.finish_consent(&finish, at(0)).await.unwrap()
        }
    })
    .await;
    for (number, outcome) in (0..).zip(&outcomes) {
        let is_stored = found(&store, number).await.is_some();
        assert_eq!(is_stored, *outcome == done(), "{outcomes:?}");
        let code = store.load_code([number; 16]).await.unwrap();
        assert_eq!(code.is_some(), is_stored);
    }
    let stored = outcomes.iter().filter(|o| **o == done()).count();
    assert_eq!(stored, 1, "{outcomes:?}");
}

async fn a_repeated_end_is_done_and_revives_nothing(store: Fresh) {
    with_app(&store).await;
    let session = login_session(9, "ann");
    log_in(&store, &session).await;
    let grant = GrantRecord {
        sid: Some(session.sid),
        ..remembered(1, Timestamp::MAX)
    };
    for _ in 0..3 {
        give(&store, &grant, Some(&code(1, [1; 16]))).await;
    }
    assert_eq!(
        store.redeem_code(&redeem(1, 1)).await,
        Ok(RedeemedCode::Done)
    );
    store
        .delete_grants(&GrantSelector::One([1; 16]), None, 9)
        .await
        .unwrap();
    assert!(end(&store, session.sid[0]).await);
    give(&store, &grant, Some(&code(1, [1; 16]))).await;
    assert_eq!(found(&store, 1).await, None);
    assert_eq!(store.load_code([1; 16]).await.unwrap(), None);
    assert_eq!(recalled(&store, 2, 0).await, None);
}

async fn an_expired_leg_does_not_count(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), None).await;
    let mut claim = leg(SingleUse::ConsentLeg, 1, 2);
    claim.expires_at = at(900);
    let second = grant(2);
    for (now, expected) in [(600, FinishedConsent::AlreadyFinished), (601, done())] {
        let outcome = store
            .finish_consent(&finish(&claim, &second), at(now))
            .await;
        assert_eq!(outcome, Ok(expected), "{now}");
    }
}

async fn a_flow_cannot_end_after_its_session(store: Fresh) {
    with_app(&store).await;
    let session = login_session(9, "ann");
    let grant = GrantRecord {
        sid: Some(session.sid),
        ..grant(1)
    };
    let claim = leg(SingleUse::ConsentLeg, 1, 1);
    let finish = finish(&claim, &grant);
    let outcome = store.finish_consent(&finish, at(0)).await.unwrap();
    assert_eq!(outcome, FinishedConsent::SessionGone);
    assert_eq!(found(&store, 1).await, None);
    let unremembered = LoginSession {
        is_remembered: false,
        ..session
    };
    log_in(&store, &unremembered).await;
    for (now, expected) in [(1_001, FinishedConsent::SessionGone), (1_000, done())] {
        let outcome = store.finish_consent(&finish, at(now)).await.unwrap();
        assert_eq!(outcome, expected, "the leg was not spent; {now}");
    }
}

async fn a_flow_cannot_end_after_its_client(store: Fresh) {
    with_app(&store).await;
    store.delete_client("app").await.unwrap();
    let (claim, grant) = (leg(SingleUse::ConsentLeg, 1, 1), grant(1));
    let outcome = store.finish_consent(&finish(&claim, &grant), at(0)).await;
    assert_eq!(outcome, Ok(FinishedConsent::AlreadyFinished));
}
