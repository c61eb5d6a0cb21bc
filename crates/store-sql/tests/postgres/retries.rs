//! What is tried again is done once.

use std::sync::Arc;

use tessera_protocol::time::Timestamp;
use tessera_store::{CreateClient, GrantSelector};
use tessera_store_sql::{OpenOptions, Opened, PostgresOptions, open};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::schema::{Schema, client, is_unavailable, server};

/// Makes the first write to a table fail with a code, and the later ones pass.
async fn fail_once(schema: &Schema, table: &str, event: &str, code: &str) {
    let name = &schema.name;
    let script = format!(
        "CREATE SEQUENCE {name}.tries_{table};
        CREATE FUNCTION {name}.fail_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('{name}.tries_{table}') = 1 THEN
                RAISE EXCEPTION 'as another database may say' USING ERRCODE = '{code}';
            END IF;
            RETURN COALESCE(NEW, OLD);
        END $$;
        CREATE TRIGGER fails BEFORE {event} ON {name}.{table}
            FOR EACH ROW EXECUTE FUNCTION {name}.fail_{table}()"
    );
    schema.admin.batch_execute(&script).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_lost_is_tried_again() {
    let Some(server) = server() else { return };
    for code in ["40001", "40P01"] {
        let schema = Schema::new(&server).await;
        let store = schema.migrated().await.store;
        fail_once(&schema, "clients", "INSERT OR DELETE", code).await;
        let created = store.create_client(&client("a")).await;
        assert_eq!(created, Ok(CreateClient::Done), "{code}");
        assert_eq!(store.delete_client("a").await, Ok(true), "{code}");
        schema.drop().await;
    }
}

/// CockroachDB: nobody knows whether it was done.
#[tokio::test]
async fn what_may_have_been_done_is_repeated_only_where_that_is_safe() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let store = schema.migrated().await.store;
    store.create_client(&client("a")).await.unwrap();
    fail_once(&schema, "revoked_tokens", "INSERT", "40003").await;
    let revoked = store.revoke_token([1; 16], Timestamp::from_secs(1)).await;
    assert_eq!(revoked, Ok(()), "a repeat revokes nothing more");
    fail_once(&schema, "clients", "DELETE", "40003").await;
    let deleted = store.delete_client("a").await;
    assert!(is_unavailable(&deleted), "{deleted:?}");
    assert_eq!(store.delete_client("a").await, Ok(true));
    schema.drop().await;
}

/// Passes everything on, until it sees a statement with `needle`: this one's answer never comes back. Before the
/// connection ends, `meanwhile` is run.
async fn lose_an_answer(
    schema: &Schema,
    needle: &'static str,
    meanwhile: &'static str,
) -> (Opened, Arc<tokio::sync::Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (before, rest) = schema
        .url
        .split_once('@')
        .unwrap_or(("postgres://", &schema.url));
    let (address, path) = rest.split_once('/').unwrap();
    let url = format!("{before}@127.0.0.1:{port}/{path}&sslmode=disable");
    let (address, admin) = (address.to_owned(), Arc::clone(&schema.admin));
    let meanwhile = format!(
        "SET search_path TO {}; {meanwhile}; RESET search_path",
        schema.name
    );
    let lost = Arc::new(tokio::sync::Notify::new());
    let is_lost = Arc::clone(&lost);
    tokio::spawn(async move {
        let mut is_armed = true;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(&address).await.unwrap();
            let (mut up, mut down) = ([0; 65_536], [0; 65_536]);
            loop {
                tokio::select! {
                    read = near.read(&mut up) => {
                        let Ok(count @ 1..) = read else { break };
                        let sent = up.get(..count).unwrap();
                        far.write_all(sent).await.unwrap();
                        if is_armed && sent.windows(needle.len()).any(|w| w == needle.as_bytes()) {
                            is_armed = false;
                            assert!(far.read(&mut down).await.unwrap() > 0, "it was answered");
                            admin.batch_execute(&meanwhile).await.unwrap();
                            is_lost.notify_one();
                            break;
                        }
                    }
                    read = far.read(&mut down) => {
                        let Ok(count @ 1..) = read else { break };
                        near.write_all(down.get(..count).unwrap()).await.unwrap();
                    }
                }
            }
        }
    });
    let options = PostgresOptions {
        url,
        // A statement and its values go in one message.
        prepared: false,
        ..schema.options()
    };
    let opened = open(&OpenOptions::Postgres(options)).await.unwrap();
    (opened, lost)
}

async fn epoch(schema: &Schema, table: &str) -> i64 {
    let sql = format!("SELECT token_epoch FROM {}.{table}", schema.name);
    schema.admin.query_one(&sql, &[]).await.unwrap().get(0)
}

/// Else the repeat would bring back to life what the other one ended.
#[tokio::test]
async fn a_repeated_renewal_of_an_epoch_leaves_that_of_another() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let direct = schema.migrated().await.store;
    direct.create_client(&client("a")).await.unwrap();
    direct.server_epoch(1).await.unwrap();
    let (opened, lost) = lose_an_answer(
        &schema,
        "UPDATE clients SET token_epoch",
        "UPDATE clients SET token_epoch = 99 WHERE token_epoch = 2",
    )
    .await;
    opened.store.renew_token_epoch("a", 2).await.unwrap();
    lost.notified().await;
    assert_eq!(epoch(&schema, "clients").await, 99);
    let (opened, lost) = lose_an_answer(
        &schema,
        "UPDATE server_state SET token_epoch",
        "UPDATE server_state SET token_epoch = 99 WHERE token_epoch = 2",
    )
    .await;
    opened.store.renew_server_epoch(2).await.unwrap();
    lost.notified().await;
    assert_eq!(epoch(&schema, "server_state").await, 99);
    schema.drop().await;
}

#[tokio::test]
async fn a_lost_answer_of_a_deletion_deletes_the_rest() {
    let Some(server) = server() else { return };
    let schema = Schema::new(&server).await;
    let direct = schema.migrated().await.store;
    super::one_person::give(&schema, 5).await;
    let (opened, lost) = lose_an_answer(&schema, "DELETE FROM grants", "SELECT 1").await;
    let mut after = None;
    loop {
        let of_ann = GrantSelector::OfSubject("ann");
        after = opened.store.delete_grants(&of_ann, after, 2).await.unwrap();
        if after.is_none() {
            break;
        }
    }
    lost.notified().await;
    assert_eq!(direct.sealed_grants(None, 9).await.unwrap(), []);
    schema.drop().await;
}
