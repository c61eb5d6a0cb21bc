//! What PostgreSQL's errors mean for the caller and for the connection.

use std::error::Error as _;
use std::io;

use tessera_store::StoreError;
use tokio_postgres::Error;

/// What may help against an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Nothing that this process can do.
    None,
    /// The same statement again: it lost against another transaction.
    Repeat,
    /// Another connection.
    Reconnect,
}

pub(super) struct Fault {
    pub(super) error: StoreError,
    pub(super) remedy: Remedy,
}

/// Sorts an error. Codes: PostgreSQL, Appendix A.
pub(super) fn fault(error: &Error) -> Fault {
    let Some(refusal) = error.as_db_error() else {
        return without_code(error);
    };
    let code = refusal.code().code();
    let text = format!("{} ({code})", refusal.message());
    let unavailable = || StoreError::Unavailable(text.clone());
    let (error, remedy) = match code {
        "40001" | "40P01" => (unavailable(), Remedy::Repeat),
        // Of the last, nobody knows whether it was done: CockroachDB says so where PostgreSQL loses the connection.
        "25006" | "40003" => (unavailable(), Remedy::Reconnect),
        "26000" | "42P05" => {
            let why = format!("{text}; a pooler that loses prepared statements needs prepared=off");
            (StoreError::Unavailable(why), Remedy::Reconnect)
        }
        "42P01" | "42703" => {
            let why = format!("{text}; has `tessera migrate sql` been run?");
            (StoreError::Unavailable(why), Remedy::None)
        }
        "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => (unavailable(), Remedy::Reconnect),
        "57014" | "55P03" => (unavailable(), Remedy::None),
        "XX001" | "XX002" => (StoreError::Corrupt(text.clone()), Remedy::None),
        _ => match code.get(..2) {
            Some("08") => (unavailable(), Remedy::Reconnect),
            Some("28" | "3D" | "53" | "58") => (unavailable(), Remedy::None),
            _ => (StoreError::Bug(text.clone()), Remedy::None),
        },
    };
    Fault { error, remedy }
}

/// An error that the database did not send: of the network, or of a value that does not fit.
fn without_code(error: &Error) -> Fault {
    let source = error.source();
    let text = match source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let is_network = source.is_some_and(|source| source.is::<io::Error>());
    if error.is_closed() || is_network {
        return Fault {
            error: StoreError::Unavailable(text),
            remedy: Remedy::Reconnect,
        };
    }
    Fault {
        error: StoreError::Bug(text),
        remedy: Remedy::None,
    }
}

/// Sorts an error of connecting: whatever it is, a later try may succeed.
pub(super) fn connect_fault(error: &Error) -> StoreError {
    match fault(error).error {
        StoreError::Bug(text) | StoreError::Corrupt(text) => StoreError::Unavailable(text),
        unavailable @ StoreError::Unavailable(_) => unavailable,
    }
}
