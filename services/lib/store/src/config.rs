//! How to reach the database, and how much of it to take.

use crate::StoreError;
use sea_orm::{ConnectOptions, DbBackend, sqlx::Executor};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the database is and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite:.hydra/hydra.db` (made if it is not there), `mysql://user:password@host/hydra`
    /// (MariaDB or MySQL) or `postgres://user:password@host/hydra`. TLS by the URL:
    /// `?ssl-mode=VERIFY_IDENTITY&ssl-ca=/path` there, `?sslmode=verify-full&sslrootcert=/path` here.
    pub url: String,
    /// Connections of this process at most. About two a core; more only queue in the database.
    pub max_connections: u32,
    /// Longest wait for a free connection, seconds, at most 5: then the work is held, not queued.
    pub acquire_timeout_s: u64,
    /// Longest time for one piece of work, seconds. After it the connections are made anew.
    pub work_timeout_s: u64,
    /// Longest time for one statement, seconds; zero leaves it to `work_timeout_s`.
    pub statement_timeout_s: u64,
    /// Refuses every write, beside what the grants of the user say.
    pub read_only: bool,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:.hydra/hydra.db".into(),
            max_connections: 4,
            acquire_timeout_s: 5,
            work_timeout_s: 60,
            statement_timeout_s: 0,
            read_only: false,
        }
    }
}

/// Waiting longer than this for a row lock is a conflict.
const LOCK_WAIT_S: u64 = 5;
/// A client that froze inside a transaction loses it, and its locks, after this time.
const FROZEN_S: u64 = 20;

/// Prepared statements that a connection to MariaDB keeps. When it must forget one for another it
/// sends two messages in a row, and since sqlx 0.9.0 leaves Nagle's algorithm on (its issue 4335),
/// the second waits for a delayed acknowledgement: 40 ms. So there is room for all that Hydra has.
const STATEMENTS: usize = 1_000;

impl DatabaseConfig {
    /// A configuration for `url`, all else as usual.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// The first field that means nothing, and why.
    ///
    /// # Errors
    /// The field's name within the section, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let url = self.backend().and_then(|backend| self.driver_url(backend));
        url.map_err(|error| match error {
            StoreError::InvalidUrl(why) => ("url", why.to_owned()),
            other => ("url", other.to_string()),
        })?;
        for (field, value, least, most) in [
            ("max_connections", u64::from(self.max_connections), 1, 1_000),
            ("acquire_timeout_s", self.acquire_timeout_s, 1, 5),
            ("work_timeout_s", self.work_timeout_s, 1, 3_600),
            ("statement_timeout_s", self.statement_timeout_s, 0, 3_600),
        ] {
            if !(least..=most).contains(&value) {
                return Err((field, format!("{value} is not from {least} to {most}")));
            }
        }
        Ok(())
    }

    /// Which engine the URL names.
    ///
    /// # Errors
    /// [`StoreError::InvalidUrl`].
    pub fn backend(&self) -> Result<DbBackend, StoreError> {
        match self.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Ok(DbBackend::Sqlite),
            Some("mysql" | "mariadb") => Ok(DbBackend::MySql),
            Some("postgres" | "postgresql") => Ok(DbBackend::Postgres),
            _ => Err(StoreError::InvalidUrl("begins with none of sqlite:, mysql:, postgres:")),
        }
    }

    /// The options for sea-orm; nothing is connected yet.
    pub(crate) fn options(&self) -> Result<ConnectOptions, StoreError> {
        let backend = self.backend()?;
        let mut options = ConnectOptions::new(self.driver_url(backend)?);
        options
            .max_connections(self.max_connections.max(1))
            .acquire_timeout(Duration::from_secs(self.acquire_timeout_s.clamp(1, 5)))
            .idle_timeout(Duration::from_secs(300))
            .test_before_acquire_if_idle_for(Duration::from_secs(5))
            .connect_lazy(true)
            .sqlx_logging(false);
        match backend {
            DbBackend::MySql => self.for_mysql(&mut options),
            DbBackend::Postgres => self.for_postgres(&mut options),
            _ => self.for_sqlite(&mut options),
        }
        Ok(options)
    }

    fn driver_url(&self, backend: DbBackend) -> Result<String, StoreError> {
        let url = match backend {
            // sqlx knows MariaDB under MySQL's name only
            DbBackend::MySql => self.url.replacen("mariadb:", "mysql:", 1),
            DbBackend::Sqlite if !self.url.contains('?') && !self.read_only => {
                format!("{}?mode=rwc", self.url)
            }
            _ => self.url.clone(),
        };
        let parses = match backend {
            DbBackend::MySql => url.parse::<sea_orm::sqlx::mysql::MySqlConnectOptions>().is_ok(),
            DbBackend::Postgres => url.parse::<sea_orm::sqlx::postgres::PgConnectOptions>().is_ok(),
            _ => url.parse::<sea_orm::sqlx::sqlite::SqliteConnectOptions>().is_ok(),
        };
        // The driver's own error may repeat the password.
        if parses { Ok(url) } else { Err(StoreError::InvalidUrl("cannot be understood")) }
    }

    fn for_mysql(&self, options: &mut ConnectOptions) {
        let mut settings = format!(
            "set session innodb_lock_wait_timeout = {LOCK_WAIT_S} \
             /*M!100300 , idle_transaction_timeout = {FROZEN_S} */"
        );
        if self.statement_timeout_s > 0 {
            settings +=
                &format!(" /*M!100101 , max_statement_time = {} */", self.statement_timeout_s);
        }
        let access = if self.read_only { "read only" } else { "read write" };
        let isolation = format!("set session transaction isolation level read committed, {access}");
        let statements = [settings, isolation];
        options.map_sqlx_mysql_opts(|connect| connect.statement_cache_capacity(STATEMENTS));
        options.map_sqlx_mysql_pool_opts(move |pool| {
            let statements = statements.clone();
            pool.after_connect(move |connection, _| {
                let statements = statements.clone();
                Box::pin(async move {
                    for statement in statements {
                        connection.execute(sea_orm::sqlx::AssertSqlSafe(statement)).await?;
                    }
                    Ok(())
                })
            })
        });
    }

    fn for_postgres(&self, options: &mut ConnectOptions) {
        let mut settings = vec![
            ("lock_timeout", format!("{LOCK_WAIT_S}s")),
            ("idle_in_transaction_session_timeout", format!("{FROZEN_S}s")),
        ];
        if self.statement_timeout_s > 0 {
            settings.push(("statement_timeout", format!("{}s", self.statement_timeout_s)));
        }
        if self.read_only {
            settings.push(("default_transaction_read_only", "on".to_owned()));
        }
        options.map_sqlx_postgres_opts(move |connect| connect.options(settings.clone()));
    }

    fn for_sqlite(&self, options: &mut ConnectOptions) {
        use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
        let read_only = self.read_only;
        options.map_sqlx_sqlite_opts(move |connect| {
            let connect = connect
                .busy_timeout(Duration::from_secs(LOCK_WAIT_S))
                .foreign_keys(true)
                // readers and the one writer do not wait for each other
                .journal_mode(SqliteJournalMode::Wal)
                // in this mode only FULL survives a loss of power
                .synchronous(SqliteSynchronous::Full);
            if read_only { connect.pragma("query_only", "on") } else { connect }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_understood_or_refused_without_repeating_the_password() {
        for good in [
            "sqlite:.hydra/hydra.db",
            "sqlite:///srv/hydra.db?mode=rwc",
            "mysql://hydra:secret@db/hydra?ssl-mode=VERIFY_IDENTITY",
            "mariadb://hydra:secret@db:3307/hydra",
            "postgres://hydra:secret@db/hydra?sslmode=verify-full",
        ] {
            assert!(DatabaseConfig::at(good).options().is_ok(), "{good}");
        }
        for bad in ["", "/srv/x.db", "oracle://x", "mysql://u:secret@db:port/x"] {
            let message = DatabaseConfig::at(bad).options().unwrap_err().to_string();
            assert!(message.starts_with("database.url"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
