//! Rules of registered clients.

use std::sync::Arc;

use super::samples::{at, client, full_client};
use super::{Fresh, at_once, cases};
use crate::{ClientFilter, CreateClient, Page, ReplaceClient};

cases![
    a_client_is_read_as_it_was_written,
    an_unknown_client_is_none,
    an_id_is_taken_once,
    a_repeated_create_is_done,
    of_many_creators_one_wins,
    a_replace_changes_all_but_id_creation_and_epoch,
    a_replace_of_an_unknown_client_says_so,
    a_replace_with_an_old_version_changes_nothing,
    a_repeated_replace_is_done,
    of_many_replaces_of_one_version_one_wins,
    a_deleted_client_is_gone_and_its_id_is_free,
    lists_are_ordered_by_id_and_bounded,
    lists_go_on_after_an_id_or_an_offset,
    lists_are_filtered_by_whole_values,
    clients_are_counted,
    what_is_shown_once_is_refused,
];

async fn ids(store: &Fresh, filter: &ClientFilter, page: &Page) -> Vec<String> {
    let found = store.list_clients(filter, page).await.unwrap();
    found
        .into_iter()
        .map(|record| record.metadata.client_id)
        .collect()
}

fn page(limit: u32) -> Page {
    Page {
        after: None,
        offset: 0,
        limit,
    }
}

async fn a_client_is_read_as_it_was_written(store: Fresh) {
    for record in [full_client("full"), client("bare", 0)] {
        let client_id = record.metadata.client_id.clone();
        assert_eq!(
            store.create_client(&record).await.unwrap(),
            CreateClient::Done
        );
        assert_eq!(store.find_client(&client_id).await.unwrap(), Some(record));
    }
}

async fn an_unknown_client_is_none(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    assert_eq!(store.find_client("b").await.unwrap(), None);
    assert_eq!(store.find_client("").await.unwrap(), None);
    assert!(!store.delete_client("b").await.unwrap());
    store.renew_token_epoch("b", 1).await.unwrap();
    assert_eq!(store.find_client("b").await.unwrap(), None);
}

async fn an_id_is_taken_once(store: Fresh) {
    let first = client("a", 1);
    store.create_client(&first).await.unwrap();
    assert_eq!(
        store.create_client(&client("a", 2)).await.unwrap(),
        CreateClient::IdTaken
    );
    assert_eq!(store.find_client("a").await.unwrap(), Some(first));
}

async fn a_repeated_create_is_done(store: Fresh) {
    let first = client("a", 1);
    for _ in 0..3 {
        assert_eq!(
            store.create_client(&first).await.unwrap(),
            CreateClient::Done
        );
    }
    assert_eq!(store.count_clients().await.unwrap(), 1);
}

async fn of_many_creators_one_wins(store: Fresh) {
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move { store.create_client(&client("a", number)).await.unwrap() }
    })
    .await;
    let winners: Vec<usize> = (0..16)
        .filter(|n| outcomes.get(*n) == Some(&CreateClient::Done))
        .collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let stored = store.find_client("a").await.unwrap().unwrap();
    assert_eq!(winners, [usize::try_from(stored.version).unwrap()]);
}

async fn a_replace_changes_all_but_id_creation_and_epoch(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    let mut replacement = full_client("a");
    replacement.version = 2;
    assert_eq!(
        store.replace_client(&replacement, 1).await.unwrap(),
        ReplaceClient::Done
    );
    replacement.metadata.created_at = at(0);
    replacement.token_epoch = 7;
    assert_eq!(
        store.find_client("a").await.unwrap(),
        Some(replacement.clone())
    );
    let owned = ClientFilter {
        owner: Some("owner".to_owned()),
        ..ClientFilter::default()
    };
    assert_eq!(
        ids(&store, &owned, &page(9)).await,
        ["a"],
        "the filter sees the new owner"
    );

    let mut emptied = client("a", 3);
    emptied.metadata.created_at = at(99);
    emptied.secret_hashes.clear();
    assert_eq!(
        store.replace_client(&emptied, 2).await.unwrap(),
        ReplaceClient::Done
    );
    emptied.metadata.created_at = at(0);
    assert_eq!(store.find_client("a").await.unwrap(), Some(emptied));
}

async fn a_replace_of_an_unknown_client_says_so(store: Fresh) {
    let outcome = store.replace_client(&client("a", 2), 1).await.unwrap();
    assert_eq!(outcome, ReplaceClient::Unknown);
    assert_eq!(store.find_client("a").await.unwrap(), None);
}

async fn a_replace_with_an_old_version_changes_nothing(store: Fresh) {
    let first = client("a", 1);
    store.create_client(&first).await.unwrap();
    let outcome = store.replace_client(&client("a", 3), 2).await.unwrap();
    assert_eq!(outcome, ReplaceClient::Changed);
    assert_eq!(store.find_client("a").await.unwrap(), Some(first));
}

async fn a_repeated_replace_is_done(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    for _ in 0..3 {
        let outcome = store.replace_client(&client("a", 2), 1).await.unwrap();
        assert_eq!(outcome, ReplaceClient::Done);
    }
    assert_eq!(store.find_client("a").await.unwrap(), Some(client("a", 2)));
}

async fn of_many_replaces_of_one_version_one_wins(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    let outcomes = at_once(16, |number| {
        let store = Arc::clone(&store);
        async move {
            store
                .replace_client(&client("a", 100 + number), 1)
                .await
                .unwrap()
        }
    })
    .await;
    let done = outcomes
        .iter()
        .filter(|o| **o == ReplaceClient::Done)
        .count();
    let changed = outcomes
        .iter()
        .filter(|o| **o == ReplaceClient::Changed)
        .count();
    assert_eq!((done, changed), (1, 15), "{outcomes:?}");
    let stored = store.find_client("a").await.unwrap().unwrap();
    let winner = outcomes
        .iter()
        .position(|o| *o == ReplaceClient::Done)
        .unwrap();
    assert_eq!(stored, client("a", 100 + winner as u64));
}

async fn a_deleted_client_is_gone_and_its_id_is_free(store: Fresh) {
    store.create_client(&client("a", 1)).await.unwrap();
    assert!(store.delete_client("a").await.unwrap());
    assert!(!store.delete_client("a").await.unwrap());
    assert_eq!(store.find_client("a").await.unwrap(), None);
    assert_eq!(
        store.create_client(&client("a", 2)).await.unwrap(),
        CreateClient::Done
    );
}

async fn lists_are_ordered_by_id_and_bounded(store: Fresh) {
    for client_id in ["b", "B", "ä", "a", "a b", "a-", "ab", "a/", "zz", "Z"] {
        store.create_client(&client(client_id, 1)).await.unwrap();
    }
    let all = ids(&store, &ClientFilter::default(), &page(100)).await;
    assert_eq!(
        all,
        ["B", "Z", "a", "a b", "a-", "a/", "ab", "b", "zz", "ä"]
    );
    let some = ids(&store, &ClientFilter::default(), &page(3)).await;
    assert_eq!(some, ["B", "Z", "a"]);
    assert!(
        ids(&store, &ClientFilter::default(), &page(0))
            .await
            .is_empty()
    );
}

async fn lists_go_on_after_an_id_or_an_offset(store: Fresh) {
    for number in 0..7 {
        store
            .create_client(&client(&format!("c{number}"), 1))
            .await
            .unwrap();
    }
    let list = async |after: Option<&str>, offset: u64| {
        let page = Page {
            after: after.map(str::to_owned),
            offset,
            limit: 2,
        };
        ids(&store, &ClientFilter::default(), &page).await
    };
    assert_eq!(list(Some("c1"), 0).await, ["c2", "c3"]);
    assert_eq!(
        list(Some("c11"), 0).await,
        ["c2", "c3"],
        "the id need not exist"
    );
    assert_eq!(list(Some("c6"), 0).await, [""; 0]);
    assert_eq!(list(None, 5).await, ["c5", "c6"]);
    assert_eq!(list(None, 6).await, ["c6"]);
    assert_eq!(list(None, 7).await, [""; 0]);
    assert_eq!(list(None, u64::MAX).await, [""; 0]);
    assert_eq!(list(Some("c1"), 3).await, ["c5", "c6"]);
}

async fn lists_are_filtered_by_whole_values(store: Fresh) {
    for (client_id, name, owner) in [
        ("1", "n", "o"),
        ("2", "N", "o"),
        ("3", "n ", "O"),
        ("4", "n", ""),
        ("5", "n%", "o"),
    ] {
        let mut record = client(client_id, 1);
        record.metadata.client_name = name.to_owned();
        record.metadata.owner = owner.to_owned();
        store.create_client(&record).await.unwrap();
    }
    let list = async |name: Option<&str>, owner: Option<&str>| {
        let filter = ClientFilter {
            name: name.map(str::to_owned),
            owner: owner.map(str::to_owned),
        };
        ids(&store, &filter, &page(9)).await.concat()
    };
    assert_eq!(list(Some("n"), None).await, "14");
    assert_eq!(list(None, Some("o")).await, "125");
    assert_eq!(list(Some("n"), Some("o")).await, "1");
    assert_eq!(
        list(Some("n%"), None).await,
        "5",
        "a percent sign is no pattern"
    );
    assert_eq!(
        list(None, Some("")).await,
        "4",
        "an empty filter is a value"
    );
    assert_eq!(list(Some("x"), None).await, "");
}

async fn clients_are_counted(store: Fresh) {
    assert_eq!(store.count_clients().await.unwrap(), 0);
    store.create_client(&client("a", 1)).await.unwrap();
    store.create_client(&client("b", 1)).await.unwrap();
    assert_eq!(store.count_clients().await.unwrap(), 2);
    store.delete_client("a").await.unwrap();
    assert_eq!(store.count_clients().await.unwrap(), 1);
}

async fn what_is_shown_once_is_refused(store: Fresh) {
    let mut record = client("a", 1);
    record.metadata.client_secret = Some("in clear".to_owned());
    assert!(store.create_client(&record).await.is_err());
    assert!(store.replace_client(&record, 1).await.is_err());
    record.metadata.client_secret = None;
    record.metadata.registration_access_token = "in clear".to_owned();
    assert!(store.create_client(&record).await.is_err());
    assert_eq!(store.count_clients().await.unwrap(), 0);
}
