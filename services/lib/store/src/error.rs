//! What can go wrong with a database, sorted by what the caller must do.

use sea_orm::{DbErr, RuntimeErr, SqlxError};
use std::error::Error;

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another transaction was in the way (deadlock, lock wait); nothing was written. Try again.
    #[error("another transaction was in the way")]
    Conflict(#[source] DbErr),
    /// The database cannot serve now: it is away, full, read-only, overloaded, or its schema is
    /// not there yet. Waiting, or an operator, mends it.
    #[error("the database cannot serve now: {why}")]
    Away {
        /// In words, with what to do.
        why: &'static str,
        /// What the database says.
        #[source]
        source: DbErr,
    },
    /// No answer within the time that work may take. It may still be written.
    #[error("no answer from the database within {0} s")]
    Deadline(u64),
    /// Our user may not do this.
    #[error("the database refuses our user; see `hydra migrate --grants`")]
    Denied(#[source] DbErr),
    /// A value does not fit its column, or breaks a constraint. Waiting does not help.
    #[error("the database refuses a value")]
    Value(#[source] DbErr),
    /// A thing that was named is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// What was asked for is not allowed.
    #[error("{0}")]
    Refused(String),
    /// A document in the database cannot be read.
    #[error("{what} cannot be read")]
    Unreadable {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The URL in the configuration means nothing.
    #[error("database.url {0}")]
    InvalidUrl(&'static str),
    /// Anything else: a statement that is wrong, a driver that fails. A fault of ours.
    #[error("the database failed")]
    Failed(#[source] DbErr),
    /// The work panicked.
    #[error("work on the database panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

impl StoreError {
    /// Whether waiting may help, so that a message should be held and not counted as failed.
    /// A refused user counts: an operator's mistake must not cost messages.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Away { .. } | Self::Deadline(_) | Self::Denied(_))
    }

    /// Whether the server takes no writes: it may be one that another has taken over from.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self, Self::Away { why, .. } if *why == READ_ONLY)
    }

    /// A document that cannot be read, and why.
    pub fn unreadable(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unreadable { what: what.into(), source: Box::new(source) }
    }
}

const LOST: &str = "no connection; is it running, and is the address right?";
const BUSY: &str = "it has no free connection; raise its limit or lower the pools";
const FULL: &str = "its disk or tablespace is full";
const READ_ONLY: &str = "it is read-only";
const STOPPED: &str = "it ended the statement or is shutting down";
const NO_SCHEMA: &str = "its schema is not there or older; run `hydra migrate`";

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let (in_connecting, cause) = match &error {
            DbErr::ConnectionAcquire(_) => return Self::Away { why: BUSY, source: error },
            DbErr::Conn(RuntimeErr::SqlxError(cause)) => (true, cause.clone()),
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => (false, cause.clone()),
            DbErr::Conn(_) => return Self::Away { why: LOST, source: error },
            _ => return Self::Failed(error),
        };
        match class_of(&cause) {
            Class::Conflict => Self::Conflict(error),
            Class::Away(why) => Self::Away { why, source: error },
            Class::Denied => Self::Denied(error),
            Class::Value => Self::Value(error),
            Class::Failed if in_connecting => Self::Away { why: LOST, source: error },
            Class::Failed => Self::Failed(error),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Conflict,
    Away(&'static str),
    Denied,
    Value,
    Failed,
}

fn class_of(error: &SqlxError) -> Class {
    use sea_orm::sqlx::{mysql::MySqlDatabaseError, sqlite::SqliteError};
    match error {
        SqlxError::PoolTimedOut => Class::Away(BUSY),
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::Protocol(_)
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => Class::Away(LOST),
        SqlxError::Database(error) => {
            let code = error.code().unwrap_or_default();
            if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                of_mysql(error.number(), &code)
            } else if error.try_downcast_ref::<SqliteError>().is_some() {
                of_sqlite(code.parse().unwrap_or(0), error.message())
            } else {
                of_sqlstate(&code)
            }
        }
        _ => Class::Failed,
    }
}

/// Error numbers of MariaDB and MySQL (MariaDB Knowledge Base, "Error Codes").
fn of_mysql(number: u16, sqlstate: &str) -> Class {
    match number {
        1020 | 1205 | 1213 => Class::Conflict,
        1040 | 1203 | 1226 => Class::Away(BUSY),
        3 | 28 | 1021 | 1030 | 1114 | 1180 => Class::Away(FULL),
        1290 | 1792 | 1836 => Class::Away(READ_ONLY),
        1053 | 1077 | 1317 | 1927 | 1969 | 3024 | 4031 => Class::Away(STOPPED),
        1049 | 1054 | 1146 => Class::Away(NO_SCHEMA),
        1044 | 1045 | 1142 | 1143 | 1227 | 1698 => Class::Denied,
        1406 | 1264 | 1366 => Class::Value,
        _ => of_sqlstate(sqlstate),
    }
}

/// SQLSTATE (PostgreSQL documentation, appendix A); the first two characters are the class.
fn of_sqlstate(code: &str) -> Class {
    match code {
        "40001" | "40P01" | "55P03" => Class::Conflict,
        "25006" => Class::Away(READ_ONLY),
        "25P03" | "57014" | "57P01" | "57P02" | "57P03" => Class::Away(STOPPED),
        "53100" => Class::Away(FULL),
        "42P01" | "42703" | "3D000" => Class::Away(NO_SCHEMA),
        "42501" => Class::Denied,
        _ => match code.get(..2) {
            Some("08") => Class::Away(LOST),
            Some("53") => Class::Away(BUSY),
            Some("58") => Class::Away(FULL),
            Some("28") => Class::Denied,
            Some("22" | "23") => Class::Value,
            _ => Class::Failed,
        },
    }
}

/// Result codes of SQLite; the low byte of an extended code is the primary one.
fn of_sqlite(code: i32, message: &str) -> Class {
    match code & 0xff {
        5 | 6 => Class::Conflict,
        8 => Class::Away(READ_ONLY),
        10 | 13 => Class::Away(FULL),
        14 => Class::Away(LOST),
        18..=20 => Class::Value,
        23 => Class::Denied,
        1 if message.contains("no such table") || message.contains("no such column") => {
            Class::Away(NO_SCHEMA)
        }
        _ => Class::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_mends_is_told_from_what_it_does_not() {
        assert_eq!(of_mysql(1213, "40001"), Class::Conflict);
        assert_eq!(of_mysql(1205, "HY000"), Class::Conflict);
        assert_eq!(of_mysql(1040, "08004"), Class::Away(BUSY));
        assert_eq!(of_mysql(1114, "HY000"), Class::Away(FULL));
        assert_eq!(of_mysql(1290, "HY000"), Class::Away(READ_ONLY));
        assert_eq!(of_mysql(1142, "42000"), Class::Denied);
        assert_eq!(of_mysql(1406, "22001"), Class::Value);
        assert_eq!(of_mysql(1064, "42000"), Class::Failed);
        assert_eq!(of_sqlstate("40P01"), Class::Conflict);
        assert_eq!(of_sqlstate("53300"), Class::Away(BUSY));
        assert_eq!(of_sqlstate("22021"), Class::Value);
        assert_eq!(of_sqlstate("42601"), Class::Failed);
        assert_eq!(of_sqlite(517, "database is locked"), Class::Conflict);
        assert_eq!(of_sqlite(13, "database or disk is full"), Class::Away(FULL));
        assert_eq!(of_sqlite(1, "no such table: image"), Class::Away(NO_SCHEMA));
        assert_eq!(of_sqlite(1, "near \"x\": syntax error"), Class::Failed);
    }
}
