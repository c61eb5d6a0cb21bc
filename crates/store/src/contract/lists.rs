//! Rules of lists of grants.

use tessera_protocol::grant::record::GrantRecord;
use tessera_protocol::time::Timestamp;

use super::people::{
    code, end, give, grant, log_in, login_session, remake_app, remembered, with_app,
};
use super::samples::{at, client};
use super::{Fresh, cases};
use crate::{GrantList, GrantSelector};

cases![
    grants_are_listed_in_either_order,
    ties_are_broken_by_id,
    lists_of_grants_go_on_after_a_grant_or_an_offset,
    grants_of_others_and_of_no_question_are_not_listed,
    ended_grants_are_not_listed,
    lapsed_consents_are_listed_where_they_are_asked_for,
    a_listed_grant_names_its_session_while_that_exists,
    clients_of_a_session_are_listed_once,
];

fn list(newest_first: bool) -> GrantList<'static> {
    GrantList {
        subject: "ann",
        sid: None,
        includes_lapsed: true,
        newest_first,
        after: None,
        offset: 0,
        limit: 100,
        now: at(0),
    }
}

/// The numbers of the grants that are listed.
async fn numbers(store: &Fresh, list: &GrantList<'_>) -> Vec<u8> {
    let found = store.list_grants(list).await.unwrap();
    found.iter().map(|grant| grant.grant_id[0]).collect()
}

async fn grants_are_listed_in_either_order(store: Fresh) {
    with_app(&store).await;
    assert!(store.list_grants(&list(true)).await.unwrap().is_empty());
    for number in [3, 1, 2] {
        give(&store, &grant(number), None).await;
    }
    let found = store.list_grants(&list(false)).await.unwrap();
    assert_eq!(found, [grant(1), grant(2), grant(3)]);
    assert_eq!(numbers(&store, &list(true)).await, [3, 2, 1]);
    assert_eq!(store.count_grants(&list(true)).await.unwrap(), 3);
}

async fn ties_are_broken_by_id(store: Fresh) {
    with_app(&store).await;
    for number in [200, 3, 127, 128] {
        let tied = GrantRecord {
            requested_at: at(7),
            ..grant(number)
        };
        give(&store, &tied, None).await;
    }
    assert_eq!(numbers(&store, &list(false)).await, [3, 127, 128, 200]);
    assert_eq!(numbers(&store, &list(true)).await, [200, 128, 127, 3]);
    for (newest_first, rest) in [(false, &[128, 200][..]), (true, &[3][..])] {
        let list = GrantList {
            after: Some((at(7), [127; 16])),
            ..list(newest_first)
        };
        assert_eq!(numbers(&store, &list).await, rest);
    }
}

async fn lists_of_grants_go_on_after_a_grant_or_an_offset(store: Fresh) {
    with_app(&store).await;
    for number in 1..=7 {
        give(&store, &grant(number), None).await;
    }
    let page = async |newest_first: bool, after: Option<u8>, offset: u64| {
        let list = GrantList {
            after: after.map(|n| (at(i64::from(n)), [n; 16])),
            offset,
            limit: 2,
            ..list(newest_first)
        };
        assert_eq!(store.count_grants(&list).await.unwrap(), 7);
        numbers(&store, &list).await
    };
    assert_eq!(page(false, None, 0).await, [1, 2]);
    assert_eq!(page(false, Some(2), 0).await, [3, 4]);
    assert_eq!(page(true, Some(2), 0).await, [1]);
    assert_eq!(page(true, None, 0).await, [7, 6]);
    assert_eq!(page(false, None, 6).await, [7]);
    assert_eq!(page(false, Some(3), 2).await, [6, 7]);
    assert_eq!(page(false, None, u64::MAX).await, [0; 0]);
    let none = GrantList {
        limit: 0,
        ..list(true)
    };
    assert_eq!(numbers(&store, &none).await, [0; 0]);
}

async fn grants_of_others_and_of_no_question_are_not_listed(store: Fresh) {
    with_app(&store).await;
    let sid = Some([9; 16]);
    log_in(&store, &login_session(9, "ann")).await;
    let of_session = GrantRecord { sid, ..grant(2) };
    let unasked = GrantRecord {
        was_asked: false,
        ..grant(3)
    };
    let of_other = GrantRecord {
        subject: "Ann".to_owned(),
        ..grant(4)
    };
    for grant in [grant(1), of_session, unasked, of_other] {
        give(&store, &grant, None).await;
    }
    assert_eq!(numbers(&store, &list(false)).await, [1, 2]);
    let of_session = GrantList { sid, ..list(false) };
    assert_eq!(numbers(&store, &of_session).await, [2]);
    assert_eq!(store.count_grants(&of_session).await.unwrap(), 1);
    let of_none = GrantList {
        sid: Some([8; 16]),
        ..list(false)
    };
    assert_eq!(numbers(&store, &of_none).await, [0; 0]);
    store.revoke_grant([1; 16]).await.unwrap();
    assert_eq!(
        numbers(&store, &list(false)).await,
        [1, 2],
        "revoked, not deleted"
    );
    store
        .delete_grants(&GrantSelector::One([1; 16]), None, 9)
        .await
        .unwrap();
    assert_eq!(numbers(&store, &list(false)).await, [2]);
}

async fn ended_grants_are_not_listed(store: Fresh) {
    with_app(&store).await;
    let until = |number: u8, tokens: i64, remembered: Option<Timestamp>| GrantRecord {
        tokens_until: at(tokens),
        remembered_until: remembered,
        ..grant(number)
    };
    give(&store, &until(1, 50, None), None).await;
    give(&store, &until(2, 50, Some(at(60))), None).await;
    give(&store, &until(3, 70, Some(at(60))), None).await;
    give(&store, &until(4, 50, Some(Timestamp::MAX)), None).await;
    for (now, expected) in [
        (50, &[1, 2, 3, 4][..]),
        (51, &[2, 3, 4]),
        (60, &[2, 3, 4]),
        (61, &[3, 4]),
        (71, &[4]),
    ] {
        let list = GrantList {
            now: at(now),
            ..list(false)
        };
        assert_eq!(numbers(&store, &list).await, expected, "{now}");
        let count = store.count_grants(&list).await.unwrap();
        assert_eq!(count, expected.len() as u64);
    }
    give(&store, &remembered(5, at(55)), None).await;
    let list = GrantList {
        now: at(51),
        ..list(false)
    };
    let found = numbers(&store, &list).await;
    assert_eq!(found, [2, 3, 5], "a newer one took the place of 4");
}

async fn lapsed_consents_are_listed_where_they_are_asked_for(store: Fresh) {
    with_app(&store).await;
    give(&store, &grant(1), None).await;
    give(&store, &remembered(2, at(50)), None).await;
    give(&store, &remembered(3, Timestamp::MAX), None).await;
    for (now, includes_lapsed, expected) in [
        (50, false, &[1, 2, 3][..]),
        (51, false, &[1, 3]),
        (51, true, &[1, 2, 3]),
    ] {
        for newest_first in [false, true] {
            let list = GrantList {
                includes_lapsed,
                now: at(now),
                ..list(newest_first)
            };
            let mut found = numbers(&store, &list).await;
            found.sort_unstable();
            assert_eq!(found, expected, "{now} {includes_lapsed}");
            let count = store.count_grants(&list).await.unwrap();
            assert_eq!(count, expected.len() as u64);
        }
    }
}

async fn a_listed_grant_names_its_session_while_that_exists(store: Fresh) {
    with_app(&store).await;
    let sid = Some([9; 16]);
    log_in(&store, &login_session(9, "ann")).await;
    let given = GrantRecord { sid, ..grant(1) };
    give(&store, &given, Some(&code(1, [1; 16]))).await;
    let of_session = GrantList { sid, ..list(false) };
    store.retire_login_session([9; 16]).await.unwrap();
    for newest_first in [false, true] {
        let found = store.list_grants(&list(newest_first)).await.unwrap();
        assert_eq!(found, std::slice::from_ref(&given), "retired, it exists");
    }
    assert_eq!(numbers(&store, &of_session).await, [1]);
    assert!(end(&store, 9).await);
    for newest_first in [false, true] {
        let found = store.list_grants(&list(newest_first)).await.unwrap();
        assert_eq!(found, [grant(1)], "ended, it is not named");
    }
    assert_eq!(numbers(&store, &of_session).await, [0; 0]);
    assert_eq!(store.count_grants(&of_session).await.unwrap(), 0);
    let stored = store.load_code([1; 16]).await.unwrap().unwrap();
    assert_eq!(stored.grant.sid, sid, "its tokens still name it");
}

async fn clients_of_a_session_are_listed_once(store: Fresh) {
    with_app(&store).await;
    for (session, subject) in [(9, "ann"), (8, "ann")] {
        log_in(&store, &login_session(session, subject)).await;
    }
    for client_id in ["web", "Web", "b"] {
        store.create_client(&client(client_id, 1)).await.unwrap();
    }
    for (number, client_id, session) in [
        (1, "web", 9),
        (2, "app", 9),
        (3, "app", 9),
        (4, "Web", 9),
        (5, "b", 8),
    ] {
        let given = GrantRecord {
            sid: Some([session; 16]),
            client_id: client_id.to_owned(),
            was_asked: number != 2,
            ..grant(number)
        };
        give(&store, &given, None).await;
    }
    let clients = async |sid: u8, limit| store.clients_of_session([sid; 16], limit).await.unwrap();
    assert_eq!(clients(9, 9).await, ["Web", "app", "web"]);
    assert_eq!(clients(9, 2).await, ["Web", "app"]);
    assert_eq!(clients(8, 9).await, ["b"]);
    assert_eq!(clients(7, 9).await, [""; 0]);
    assert!(end(&store, 9).await);
    assert_eq!(
        clients(9, 9).await,
        ["Web", "app", "web"],
        "grants outlive it"
    );
    remake_app(&store).await;
    assert_eq!(clients(9, 9).await, ["Web", "web"]);
    assert!(!numbers(&store, &list(true)).await.contains(&2));
}
