//! The schema goes up, up again and down on every engine, and the views answer.

#![allow(clippy::unwrap_used)]

use hydra_migrations::{Migrator, MigratorTrait, Role, grants};
use hydra_testkit::{Database, Engine, unique};
use sea_orm::{ConnectionTrait, DbBackend};

async fn migrated(engine: Engine) -> (Database, sea_orm::DatabaseConnection) {
    let database = Database::create(engine);
    let connection = sea_orm::Database::connect(&database.url).await.unwrap();
    Migrator::up(&connection, None).await.unwrap();
    (database, connection)
}

async fn each_statement(connection: &sea_orm::DatabaseConnection, statements: &[&str]) {
    for statement in statements {
        if let Err(error) = connection.execute_unprepared(statement).await {
            panic!("{statement}: {error}");
        }
    }
}

async fn all(engine: Engine) {
    let (_database, connection) = migrated(engine).await;
    Migrator::up(&connection, None).await.unwrap();
    each_statement(
        &connection,
        &[
            "insert into plot_type (name, state, position, spec, created_us, updated_us) \
             values ('CDC', 0, 1, '{}', 0, 0)",
            "insert into plot_type (name, state, position, spec, created_us, updated_us) \
             values ('cdc', 0, 2, '{}', 0, 0)",
        ],
    )
    .await;
    Migrator::down(&connection, None).await.unwrap();
    Migrator::up(&connection, None).await.unwrap();
}

#[tokio::test]
async fn the_schema_goes_up_and_down_on_sqlite() {
    all(Engine::Sqlite).await;
}

#[tokio::test]
async fn the_schema_goes_up_and_down_on_mariadb() {
    all(Engine::MariaDb).await;
}

#[tokio::test]
async fn the_schema_goes_up_and_down_on_postgres() {
    all(Engine::Postgres).await;
}

/// Every class's probability over time, as a dashboard reads it.
async fn scores(engine: Engine) {
    let (_database, connection) = migrated(engine).await;
    let hex = |n: usize| match engine {
        Engine::Postgres => format!("decode('{}', 'hex')", "ab".repeat(n)),
        _ => format!("x'{}'", "ab".repeat(n)),
    };
    let prediction = format!(
        "insert into prediction (image_id, model_id, plot_type_id, role, taken_us, label, \
         confidence, threshold, state, kind, scores, note, work_us) \
         values ({}, 1, 1, 0, 5, 'Good', 0.75, 0.5, 0, 1, '[0.75,0.25]', '', 0)",
        hex(24)
    );
    each_statement(
        &connection,
        &[
            "insert into plot_type (id, name, state, position, spec, created_us, updated_us) \
             values (1, 'CDC', 0, 1, '{}', 0, 0)",
            "insert into model_label (model_id, position, label) values (1, 0, 'Good')",
            "insert into model_label (model_id, position, label) values (1, 1, 'Bad')",
            &prediction,
        ],
    )
    .await;
    let sql = "select label, probability from score \
               where plot_type_id = 1 and role = 0 and taken_us between 0 and 10 order by label";
    let rows = connection
        .query_all_raw(sea_orm::Statement::from_string(connection.get_database_backend(), sql));
    let rows: Vec<(String, f64)> = rows
        .await
        .unwrap()
        .iter()
        .map(|row| (row.try_get("", "label").unwrap(), row.try_get("", "probability").unwrap()))
        .collect();
    assert_eq!(rows, [("Bad".to_owned(), 0.25), ("Good".to_owned(), 0.75)]);
    each_statement(&connection, &["select * from verdict", "select * from release_mark"]).await;
}

#[tokio::test]
async fn each_classs_probability_can_be_read_by_sql_on_sqlite() {
    scores(Engine::Sqlite).await;
}

#[tokio::test]
async fn each_classs_probability_can_be_read_by_sql_on_mariadb() {
    scores(Engine::MariaDb).await;
}

#[tokio::test]
async fn each_classs_probability_can_be_read_by_sql_on_postgres() {
    scores(Engine::Postgres).await;
}

/// A user of each role may do what it must, and is refused the rest, by the server.
async fn roles(engine: Engine, backend: DbBackend) {
    let (database, connection) = migrated(engine).await;
    let name = database.url.rsplit('/').next().unwrap().to_owned();
    let user = unique("hydra_role");
    let quoted = match engine {
        Engine::Postgres => user.clone(),
        _ => format!("'{user}'@'127.0.0.1'"),
    };
    let (create, drop_owned) = match engine {
        Engine::Postgres => (format!("create role {user} login password 'x'"), true),
        _ => (format!("create user {quoted} identified by 'x'"), false),
    };
    each_statement(&connection, &[&create]).await;
    for statement in grants(backend, Role::Query, &quoted, &name) {
        each_statement(&connection, &[&statement]).await;
    }
    let address = database.url.split_once('@').unwrap().1;
    let scheme = database.url.split_once("://").unwrap().0;
    let limited =
        sea_orm::Database::connect(format!("{scheme}://{user}:x@{address}")).await.unwrap();
    each_statement(&limited, &["select * from image", "select * from score"]).await;
    for forbidden in [
        "insert into counter (name, value) values ('x', 1)",
        "update counter set value = 7",
        "delete from counter",
        "drop table counter",
        "create table t (n int)",
    ] {
        assert!(limited.execute_unprepared(forbidden).await.is_err(), "{forbidden}");
    }
    drop(limited);
    if drop_owned {
        each_statement(&connection, &[&format!("drop owned by {user}")]).await;
        each_statement(&connection, &[&format!("drop role {user}")]).await;
    } else {
        each_statement(&connection, &[&format!("drop user {quoted}")]).await;
    }
}

#[tokio::test]
async fn the_query_user_of_mariadb_cannot_write() {
    roles(Engine::MariaDb, DbBackend::MySql).await;
}

#[tokio::test]
async fn the_query_user_of_postgres_cannot_write() {
    roles(Engine::Postgres, DbBackend::Postgres).await;
}
