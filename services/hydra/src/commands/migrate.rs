//! `hydra migrate`: bring the database to the schema of this version.

use crate::{cli::Migrate, config::Config};
use anyhow::{Context, ensure};
use hydra_store::{
    Database, DatabaseConfig, Role, grants,
    orm::{ConnectionTrait, DbBackend, DbErr},
};
use std::process::ExitCode;

/// Runs what is missing, and says what it was; or prints the grants of a role.
///
/// # Errors
/// When the database does not answer or its user may not change the schema.
pub async fn migrate(command: Migrate, config: Config) -> anyhow::Result<ExitCode> {
    if let (Some(role), Some(user)) = (command.grants, command.user) {
        for statement in statements(role.parse()?, &user, &config.database)? {
            println!("{statement};");
        }
        return Ok(ExitCode::SUCCESS);
    }
    make_folder(&config.database)?;
    let database = Database::connect(&config.database).await?;
    let pending = database.pending_migrations().await.unwrap_or_default();
    database.migrate().await.context("migrating")?;
    for step in &pending {
        println!("migrated {step}");
    }
    println!("the database is at the schema of this version ({} steps taken)", pending.len());
    if let Some(prefix) = &command.users {
        give_rights(&database, prefix, &config.database).await?;
        println!("the users {prefix}_ROLE have the rights of their roles");
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// The database of a command of the library; one in a file is made and brought to this version's
/// schema, as `hydra up` does.
///
/// # Errors
/// When the database does not answer or is of another schema.
pub async fn library(config: &Config) -> anyhow::Result<Database> {
    let embedded = config.database.url.starts_with("sqlite:");
    if embedded {
        make_folder(&config.database)?;
    }
    let database = Database::connect(&config.database).await?;
    if embedded {
        database.migrate().await.context("migrating")?;
    }
    Ok(database)
}

/// Gives every role's user what it may do; a right that it has stays.
async fn give_rights(
    database: &Database,
    prefix: &str,
    config: &DatabaseConfig,
) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(
        !prefix.is_empty() && prefix.chars().all(plain),
        "--users {prefix:?}: lower-case letters, digits and underscores only"
    );
    for role in Role::ALL {
        let user = match database.backend() {
            DbBackend::MySql => format!("'{prefix}_{role}'@'%'"),
            _ => format!("{prefix}_{role}"),
        };
        let statements = statements(role, &user, config)?;
        let given = database.run(|pool| async move {
            for statement in &statements {
                pool.execute_unprepared(statement).await?;
            }
            Ok::<_, DbErr>(())
        });
        given.await.with_context(|| format!("giving {user} its rights"))?;
    }
    Ok(())
}

fn statements(role: Role, user: &str, config: &DatabaseConfig) -> anyhow::Result<Vec<String>> {
    let name = config.url.rsplit('/').next().and_then(|rest| rest.split('?').next());
    let statements = grants(config.backend()?, role, user, name.unwrap_or_default());
    ensure!(!statements.is_empty(), "SQLite has no users: who may read the file may do everything");
    Ok(statements)
}

/// An SQLite file needs its folder.
///
/// # Errors
/// When the folder cannot be made.
pub fn make_folder(config: &DatabaseConfig) -> anyhow::Result<()> {
    let Some(folder) = config.folder() else { return Ok(()) };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("making the folder {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_for_the_database_that_is_configured() {
        let config = DatabaseConfig::at("mysql://owner:secret@db/hall_b?ssl-mode=REQUIRED");
        let said = statements(Role::Query, "'hydra_query'@'%'", &config).unwrap();
        assert_eq!(said, ["grant select on `hall_b`.* to 'hydra_query'@'%'"]);
        let config = DatabaseConfig::at("postgres://owner:secret@db/hall_b");
        let said = statements(Role::Query, "hydra_query", &config).unwrap();
        assert!(
            said.contains(&"grant select on all tables in schema public to hydra_query".into())
        );
        assert!(statements(Role::Query, "q", &DatabaseConfig::default()).is_err());
    }
}
