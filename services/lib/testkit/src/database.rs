//! Databases of the three engines, each with a random name, dropped at the end.

use crate::unique;
use anyhow::{Context as _, Result, ensure};
use std::{env, process::Command};
use tempfile::TempDir;

/// What stores the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Sqlite,
    /// MariaDB on its standard port, or where `HYDRA_TEST_MARIADB` says.
    MariaDb,
    /// PostgreSQL on its standard port, or where `HYDRA_TEST_POSTGRES` says.
    Postgres,
}

impl Engine {
    /// All of them: what passes on one must pass on each.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::MariaDb, Self::Postgres];

    /// Address of the server, without a database.
    fn server(self) -> String {
        let (variable, standard) = match self {
            Self::Sqlite => return String::new(),
            Self::MariaDb => ("HYDRA_TEST_MARIADB", "mysql://hydra_test:hydra_test@127.0.0.1:3306"),
            Self::Postgres => {
                ("HYDRA_TEST_POSTGRES", "postgres://hydra_test:hydra_test@127.0.0.1:5432")
            }
        };
        env::var(variable).unwrap_or_else(|_| standard.into())
    }
}

/// One empty database.
pub struct Database {
    /// As sea-orm takes it.
    pub url: String,
    /// Its engine.
    pub engine: Engine,
    name: String,
    _folder: Option<TempDir>,
}

impl Database {
    /// Makes an empty database.
    ///
    /// # Panics
    /// When the server does not let the test user in.
    pub fn create(engine: Engine) -> Self {
        let name = unique("hydra_test");
        if engine == Engine::Sqlite {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("hydra.db").display());
            return Self { url, engine, name, _folder: Some(folder) };
        }
        let database = Self {
            url: format!("{}/{name}", engine.server()),
            engine,
            name: name.clone(),
            _folder: None,
        };
        if let Err(error) = database.admin(&format!("create database {name}")) {
            panic!("{engine:?}: {error:#}; run scripts/services.sh start");
        }
        database
    }

    /// Runs one statement in this database with the engine's own client, and returns the rows as
    /// tab-separated lines without a header.
    ///
    /// # Errors
    /// When the statement fails, or for SQLite, which has no server to ask.
    pub fn sql(&self, statement: &str) -> Result<String> {
        ensure!(self.engine != Engine::Sqlite, "SQLite has no server to ask");
        client(&self.engine.server(), &self.name, statement)
    }

    /// The same as another user of this database, by its address.
    ///
    /// # Errors
    /// As [`Self::sql`].
    pub fn sql_as(&self, url: &str, statement: &str) -> Result<String> {
        let (server, name) = url.rsplit_once('/').context("a URL names its database")?;
        client(server, name, statement)
    }

    /// Makes a user with the rights that `grants` gives it: the statements for a user as the engine
    /// writes its name. Gone when dropped.
    ///
    /// # Panics
    /// When the server refuses a statement, or there is none (SQLite).
    pub fn user(&self, grants: impl Fn(&str) -> Vec<String>) -> User<'_> {
        let name = unique("user");
        let (quoted, create) = match self.engine {
            Engine::Postgres => (name.clone(), format!("create user {name} password '{name}'")),
            _ => {
                let quoted = format!("'{name}'@'%'");
                (quoted.clone(), format!("create user {quoted} identified by '{name}'"))
            }
        };
        for statement in std::iter::once(create).chain(grants(&quoted)) {
            self.sql(&statement).unwrap_or_else(|error| panic!("{statement}: {error:#}"));
        }
        let (scheme, rest) = self.url.split_once("://").expect("a URL has ://");
        let (_, host) = rest.rsplit_once('@').expect("a URL has a user");
        let url = format!("{scheme}://{name}:{name}@{host}");
        User { url, name, database: self }
    }

    /// Runs one statement on the server.
    fn admin(&self, statement: &str) -> Result<String> {
        let name = if self.engine == Engine::Postgres { "postgres" } else { "" };
        client(&self.engine.server(), name, statement)
    }
}

/// A user of one database.
pub struct User<'a> {
    /// The database's address for this user.
    pub url: String,
    name: String,
    database: &'a Database,
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        let gone = match self.database.engine {
            Engine::Postgres => format!("drop owned by {name}; drop user {name}"),
            _ => format!("drop user '{name}'@'%'"),
        };
        let _best_effort = self.database.sql(&gone);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = &self.name;
        let _best_effort = match self.engine {
            Engine::Sqlite => return,
            Engine::MariaDb => self.admin(&format!("drop database if exists {name}")),
            Engine::Postgres => self.admin(&format!("drop database if exists {name} with (force)")),
        };
    }
}

/// Runs `statement` on the server at `server` (`scheme://user:password@host:port`) with the
/// command-line client that comes with it.
pub(crate) fn client(server: &str, database: &str, statement: &str) -> Result<String> {
    let (scheme, rest) = server.split_once("://").context("a URL has ://")?;
    let (login, address) = rest.rsplit_once('@').context("a URL has a user")?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = address.split_once(':').context("a URL has a port")?;
    let mut command = if scheme == "postgres" {
        let mut psql = Command::new("psql");
        psql.args(["-qAtX", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port])
            .args(["-U", user, "-d", database, "-c", statement])
            .env("PGPASSWORD", password);
        psql
    } else {
        let mut mariadb = Command::new("mariadb");
        mariadb
            .args(["--no-defaults", "-BN", "-h", host, "-P", port, "-u", user, "-e", statement])
            .arg(database)
            .env("MYSQL_PWD", password);
        mariadb
    };
    let output = command.output().with_context(|| format!("the client for {scheme}"))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_gives_an_empty_database_and_takes_it_back() {
        for engine in [Engine::MariaDb, Engine::Postgres] {
            let database = Database::create(engine);
            database.sql("create table t (n int)").unwrap();
            database.sql("insert into t values (1), (2)").unwrap();
            assert_eq!(database.sql("select n from t order by n").unwrap(), "1\n2");
            assert!(database.sql("select nonsense").is_err());
            let name = database.name.clone();
            drop(database);
            let home = if engine == Engine::Postgres { "postgres" } else { "" };
            let list = match engine {
                Engine::Postgres => "select datname from pg_database",
                _ => "show databases",
            };
            assert!(!client(&engine.server(), home, list).unwrap().contains(&name));
        }
    }

    #[test]
    fn a_sqlite_database_is_a_file_of_its_own() {
        let (a, b) = (Database::create(Engine::Sqlite), Database::create(Engine::Sqlite));
        assert_ne!(a.url, b.url);
    }
}
