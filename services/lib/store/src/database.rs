//! The connection pool, and the one way to work with it.

use crate::{DatabaseConfig, StoreError};
use futures::future::BoxFuture;
use hydra_migrations::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use std::{
    future::Future,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tracing::{Instrument, warn};

/// Tries of a transaction that others were in the way of.
const CONFLICT_TRIES: u32 = 5;

/// Begins, works, commits; rolls back when the work says so.
async fn attempt<T, F>(
    pool: &DatabaseConnection,
    options: TransactionOptions,
    work: &F,
) -> Result<T, StoreError>
where
    F: for<'a> Fn(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, StoreError>>,
{
    let transaction = pool.begin_with_options(options).await?;
    match work(&transaction).await {
        Ok(value) => {
            transaction.commit().await?;
            Ok(value)
        }
        Err(error) => {
            // the connection may be gone, and the transaction with it
            let _rolled_back = transaction.rollback().await;
            Err(error)
        }
    }
}

/// A database; cheap to clone.
///
/// All work runs in a task of its own, which is not dropped half-way: a caller that goes away
/// leaves no connection in the middle of an answer. Work that takes too long is ended together
/// with its pool; work that finds a server that takes no writes leaves its pool behind. The next
/// work finds new connections.
#[derive(Clone)]
pub struct Database {
    config: Arc<DatabaseConfig>,
    backend: DbBackend,
    pool: Arc<RwLock<Pool>>,
}

/// The connections of one generation.
#[derive(Clone)]
struct Pool {
    generation: u64,
    connections: DatabaseConnection,
}

impl Database {
    /// A pool for `config`. Connects when there is work, so that a role can start before its
    /// database.
    ///
    /// # Errors
    /// [`StoreError::InvalidUrl`].
    pub async fn connect(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let backend = config.backend()?;
        // counters that begin with the first trouble would hide it
        metrics::counter!("hydra_database_conflicts_total").increment(0);
        metrics::counter!("hydra_database_renewals_total").increment(0);
        let connections = sea_orm::Database::connect(config.options()?).await?;
        let pool = Pool { generation: 0, connections };
        Ok(Self { config: Arc::new(config.clone()), backend, pool: Arc::new(RwLock::new(pool)) })
    }

    /// The engine's family.
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Runs `work` on the pool, in a task of its own.
    ///
    /// # Errors
    /// What `work` says, or [`StoreError::Deadline`]: then it may still be done.
    pub async fn run<T, E, F, Fut>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        E: Into<StoreError> + Send + 'static,
        F: FnOnce(DatabaseConnection) -> Fut,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let pool = self.pool();
        let begun = Instant::now();
        let mut task = tokio::spawn(work(pool.connections).in_current_span());
        let limit = Duration::from_secs(self.config.work_timeout_s.max(1));
        let result = match tokio::time::timeout(limit, &mut task).await {
            Ok(Ok(result)) => {
                let result = result.map_err(Into::into);
                if result.as_ref().is_err_and(StoreError::is_read_only) && !self.config.read_only {
                    // connections to an old primary outlive the move of its address
                    self.renew(pool.generation, "the database is read-only").await?;
                }
                result
            }
            Ok(Err(panic)) => Err(StoreError::Panicked(panic)),
            Err(_) => {
                let renewed = self.renew(pool.generation, "no answer from the database").await;
                // a transaction that went on would hold its locks against its own repetition; its
                // connection, in whatever state, is closed by the pool, which has ended
                task.abort();
                renewed?;
                Err(StoreError::Deadline(limit.as_secs()))
            }
        };
        let outcome = match &result {
            Ok(_) => "done",
            Err(error) if error.is_transient() => "transient",
            Err(_) => "failed",
        };
        metrics::histogram!("hydra_database_seconds", "outcome" => outcome)
            .record(begun.elapsed().as_secs_f64());
        result
    }

    /// Runs `work` in a transaction that begins by taking the write lock where the engine has
    /// only one (SQLite). Repeated when others were in the way, so it may be called again.
    ///
    /// # Errors
    /// What `work` says; nothing was written then, unless the commit itself was cut off.
    pub async fn transaction<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'a> Fn(&'a DatabaseTransaction) -> BoxFuture<'a, Result<T, StoreError>>
            + Send
            + Sync
            + 'static,
    {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.run(move |pool| async move {
            let mut tries = 1;
            loop {
                let error = match attempt(&pool, options, &work).await {
                    Err(error @ StoreError::Conflict(_)) if tries < CONFLICT_TRIES => error,
                    result => return result,
                };
                warn!(tries, error = &error as &dyn std::error::Error, "transaction repeated");
                metrics::counter!("hydra_database_conflicts_total").increment(1);
                tokio::time::sleep(Duration::from_millis(u64::from(5 * tries * tries))).await;
                tries += 1;
            }
        })
        .await
    }

    /// Brings the schema up to this version. Several may try at once: one does it, the others
    /// wait for it.
    ///
    /// # Errors
    /// When the database does not answer or its user may not.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // One connection, so that the lock and the steps belong together.
        let mut options = self.config.options()?;
        options.max_connections(1);
        let pool = sea_orm::Database::connect(options).await?;
        let (lock, unlock, give_up) = match self.backend {
            DbBackend::MySql => {
                let unlock = "select release_lock('hydra_migrate')";
                ("select get_lock('hydra_migrate', 300)", unlock, unlock)
            }
            DbBackend::Postgres => {
                let unlock = "select pg_advisory_unlock(7305808871)";
                ("set lock_timeout = 0; select pg_advisory_lock(7305808871)", unlock, unlock)
            }
            _ => ("begin immediate", "commit", "rollback"),
        };
        pool.execute_unprepared(lock).await?;
        let result = Migrator::up(&pool, None).await;
        let end = if result.is_ok() { unlock } else { give_up };
        pool.execute_unprepared(end).await?;
        pool.close().await?;
        Ok(result?)
    }

    /// Names of the migrations that this version has and the database has not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.run(|pool| async move {
            let pending = Migrator::get_pending_migrations_read_only(&pool).await?;
            Ok::<_, StoreError>(pending.iter().map(|step| step.name().to_owned()).collect())
        })
        .await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub async fn healthy(&self) -> Result<(), StoreError> {
        self.run(|pool| async move { pool.ping().await }).await
    }

    /// Ends all connections that are idle, and those at work when their work ends.
    pub async fn close(&self) {
        // Nothing is left to be done about a connection that does not close in order.
        let _closed = self.pool().connections.close().await;
    }

    fn pool(&self) -> Pool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes new connections in place of the generation `stuck`, unless somebody did already.
    async fn renew(&self, stuck: u64, why: &str) -> Result<(), StoreError> {
        warn!(why, "connections are made anew");
        metrics::counter!("hydra_database_renewals_total").increment(1);
        let connections = sea_orm::Database::connect(self.config.options()?).await?;
        let mut pool = self.pool.write().unwrap_or_else(PoisonError::into_inner);
        if pool.generation == stuck {
            let next = Pool { generation: stuck + 1, connections };
            let old = std::mem::replace(&mut *pool, next);
            // from this moment on it hands out no connection; the rest takes as long as it takes
            tokio::spawn(async move { old.connections.close().await });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // without the URL, which holds the password
        f.debug_struct("Database").field("backend", &self.backend).finish_non_exhaustive()
    }
}
