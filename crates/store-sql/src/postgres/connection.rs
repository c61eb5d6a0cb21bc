//! One connection and the statements prepared on it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio::task::AbortHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

/// A parameter and its type, which a statement that is not prepared has to name.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

pub(super) struct Connection {
    client: Client,
    driver: AbortHandle,
    /// `None` where statements are not prepared.
    statements: Option<Mutex<HashMap<&'static str, Statement>>>,
}

impl Connection {
    pub(super) fn new(client: Client, driver: AbortHandle, prepares: bool) -> Self {
        let statements = prepares.then(|| Mutex::new(HashMap::new()));
        Self {
            client,
            driver,
            statements,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Ends the connection; whoever waits for an answer on it hears so at once.
    pub(super) fn sever(&self) {
        self.driver.abort();
    }

    pub(super) async fn rows(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, Error> {
        let Some(statements) = &self.statements else {
            return self.client.query_typed(sql, values).await;
        };
        let known = statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(sql)
            .cloned();
        let statement = match known {
            Some(statement) => statement,
            None => {
                let types: Vec<Type> = values.iter().map(|(_, kind)| kind.clone()).collect();
                let statement = self.client.prepare_typed(sql, &types).await?;
                let mut statements = statements.lock().unwrap_or_else(PoisonError::into_inner);
                statements.insert(sql, statement.clone());
                statement
            }
        };
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|(value, _)| *value).collect();
        self.client.query(&statement, &values).await
    }

    /// Runs a script of several statements.
    pub(super) async fn script(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    /// Runs one statement that is needed once.
    pub(super) async fn once(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        self.client.query_typed(sql, values).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
