//! A PostgreSQL schema for one test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tessera_protocol::client::{ClientMetadata, ClientRecord};
use tessera_store::StoreError;
use tessera_store_sql::{OpenOptions, Opened, PostgresOptions, open};
use tokio_postgres::{Client, NoTls};

pub(crate) fn server() -> Option<String> {
    let url = std::env::var("TESSERA_TEST_POSTGRES").unwrap_or_default();
    assert!(
        !url.is_empty(),
        "no PostgreSQL: run scripts/with-postgres.sh cargo test ..., or set TESSERA_TEST_POSTGRES=none to leave it out"
    );
    if url == "none" {
        eprintln!("NOT RUN on PostgreSQL: TESSERA_TEST_POSTGRES is none");
        return None;
    }
    Some(url)
}

pub(crate) async fn superuser(url: &str) -> Client {
    let (client, driver) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(driver);
    client
}

/// A schema that goes with the value.
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) admin: Arc<Client>,
}

impl Schema {
    pub(crate) async fn new(server: &str) -> Self {
        Self::made_by(Arc::new(superuser(server).await), server).await
    }

    pub(crate) async fn made_by(admin: Arc<Client>, server: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tessera_test_{}_{number}", std::process::id());
        admin
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"
            ))
            .await
            .unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url =
            format!("{server}{separator}application_name={name}&options=-csearch_path%3D{name}");
        Self { name, url, admin }
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions {
            url: self.url.clone(),
            max_conns: 8,
            max_idle_conns: 4,
            prepared: true,
        }
    }

    pub(crate) async fn open(&self) -> Opened {
        open(&OpenOptions::Postgres(self.options())).await.unwrap()
    }

    pub(crate) async fn migrated(&self) -> Opened {
        let opened = self.open().await;
        opened.migrations.up().await.unwrap();
        opened
    }

    pub(crate) async fn drop(self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        self.admin.batch_execute(&drop).await.unwrap();
    }
}

pub(crate) fn client(client_id: &str) -> ClientRecord {
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

pub(crate) fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}
