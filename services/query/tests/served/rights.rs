//! The service reads only: with a database user that can do nothing else it answers everything,
//! and whatever tries to write is refused.

use crate::hall::{Served, on_each};
use hydra_store::{
    Database, DatabaseConfig, Role, StoreError, grants,
    orm::{ConnectionTrait, DbBackend},
};
use hydra_testkit::{Database as Scratch, Engine, unique};

/// Makes a user of this database with the rights of `query` and no others; returns its name and
/// its address.
fn create_reader(scratch: &Scratch) -> (String, String) {
    let (name, password) = (unique("reader"), unique("password"));
    let (server, database) = scratch.url.rsplit_once('/').unwrap();
    let (scheme, address) = server.split_once("://").unwrap();
    let host = address.rsplit_once('@').unwrap().1;
    let (backend, user, create) = match scratch.engine {
        Engine::Postgres => {
            (DbBackend::Postgres, name.clone(), format!("create user {name} password '{password}'"))
        }
        _ => (
            DbBackend::MySql,
            format!("'{name}'@'%'"),
            format!("create user '{name}'@'%' identified by '{password}'"),
        ),
    };
    scratch.sql(&create).unwrap();
    for statement in grants(backend, Role::Query, &user, database) {
        scratch.sql(&statement).unwrap();
    }
    let url = format!("{scheme}://{name}:{password}@{host}/{database}");
    (name, url)
}

fn drop_reader(scratch: &Scratch, name: &str) {
    let gone = match scratch.engine {
        Engine::Postgres => format!("drop owned by {name}; drop user {name}"),
        _ => format!("drop user '{name}'@'%'"),
    };
    scratch.sql(&gone).unwrap();
}

/// Every route, with what is in the hall.
async fn every_route(served: &Served) -> Vec<String> {
    let bad = served.written.fact("DC_occupancy", 80_003, Some(20));
    let incident = served.get("/incidents").await["items"][0]["id"].as_str().unwrap().to_owned();
    let model = &bad.verdict.as_ref().unwrap().model;
    let id = bad.id;
    let mut routes: Vec<String> = [
        "/hall",
        "/plot-types",
        "/plot-types/DC_tdc",
        "/plot-types/DC_tdc/trend",
        "/plot-types/DC_tdc/predictions",
        "/detectors",
        "/groups",
        "/runs",
        "/runs/80001",
        "/images",
        "/images?run=80001",
        "/images?plot_type=DC_tdc",
        "/log",
        "/log?run=80002",
        "/incidents",
        "/incidents?open=false",
        "/models",
        "/labels",
        "/quality?run=80001",
        "/quality?run=80001&format=csv",
        "/status",
        "/status/latency",
        "/status/calendar",
        "/dead-letters",
        "/openapi.json",
    ]
    .map(String::from)
    .to_vec();
    routes.extend([
        format!("/plot-types/DC_occupancy/why?at_us={}", bad.taken_us),
        format!("/images/{id}"),
        format!("/images/{id}/thumbnail"),
        format!("/images/{id}/original"),
        format!("/images/{id}/heatmap"),
        format!("/incidents/{incident}"),
        format!("/models/{model}"),
    ]);
    routes
}

async fn ask_everything(served: &Served) {
    for route in every_route(served).await {
        let answer = served.raw(&format!("/api/v1{route}")).await;
        let status = answer.status();
        let text = answer.bytes().await.unwrap();
        assert_eq!(status, 200, "{route}: {}", String::from_utf8_lossy(&text));
    }
}

#[tokio::test]
async fn with_a_user_who_may_only_read_everything_is_answered() {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let (scratch, db, folder, blobs, written) = Served::write(engine).await;
        let (name, url) = create_reader(&scratch);
        let config =
            DatabaseConfig { read_only: true, statement_timeout_s: 5, ..DatabaseConfig::at(url) };
        let served = Served::serve_with(scratch, db, folder, blobs, written, config).await;
        ask_everything(&served).await;
        drop_reader(&served.scratch, &name);
        served.stop().await;
    }
}

/// Statements that change something, in the words of all engines.
const WRITES: [&str; 10] = [
    "insert into news (position, text) values (1, 'mine')",
    "update plot_type set position = 9",
    "update image set stored = false",
    "delete from image",
    "delete from release_event",
    "insert into counter (name, value) values ('mine', 1)",
    "create table mine (n int)",
    "drop table image",
    "drop view verdict",
    "alter table image add column mine int",
];

async fn refused(db: &Database, statement: &'static str) -> Result<(), StoreError> {
    db.run(move |pool| async move { pool.execute_unprepared(statement).await.map(drop) }).await
}

#[tokio::test]
async fn whatever_a_reader_tries_to_write_is_refused_by_grants_alone() {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let scratch = Scratch::create(engine);
        let owner = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
        owner.migrate().await.unwrap();
        let (name, url) = create_reader(&scratch);
        // as somebody would who got hold of the password
        let db = Database::connect(&DatabaseConfig::at(url)).await.unwrap();
        db.healthy().await.unwrap();
        let only_here: &[&str] = match engine {
            Engine::MariaDb => &[
                "truncate table label_event",
                "create procedure mine() select 1",
                "create trigger mine before insert on image for each row set @a = 1",
                "select 'x' into outfile '/tmp/hydra_mine'",
                "load data infile '/etc/passwd' into table image",
                "set global max_connections = 1",
                "lock tables image write",
                "select * from mysql.user",
                "grant select on *.* to current_user",
            ],
            _ => &[
                "truncate label_event",
                "create function mine() returns int language sql as 'select 1'",
                "copy image to '/tmp/hydra_mine'",
                "copy image to program 'true'",
                "select pg_read_file('/etc/passwd')",
                "alter system set max_connections = 1",
                "lock table image in exclusive mode",
                "create role mine",
                "create schema mine",
            ],
        };
        for statement in WRITES.iter().chain(only_here) {
            let error = refused(&db, statement).await.expect_err(statement);
            assert!(
                matches!(error, StoreError::Denied(_) | StoreError::Failed(_)),
                "{statement}: {error:?}"
            );
        }
        db.close().await;
        drop_reader(&scratch, &name);
        owner.close().await;
    }
}

#[tokio::test]
async fn a_read_only_configuration_refuses_writes_whatever_the_user_may() {
    for engine in Engine::ALL {
        let scratch = Scratch::create(engine);
        let owner = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
        owner.migrate().await.unwrap();
        let config = DatabaseConfig { read_only: true, ..DatabaseConfig::at(&scratch.url) };
        let db = Database::connect(&config).await.unwrap();
        for statement in WRITES {
            let error = refused(&db, statement).await.expect_err(statement);
            println!("{engine:?}: {statement}: {error:?}");
        }
        assert!(db.pending_migrations().await.unwrap().is_empty(), "it still reads");
        db.close().await;
        owner.close().await;
    }
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    for (engine, slow) in
        [(Engine::MariaDb, "select sleep(20)"), (Engine::Postgres, "select pg_sleep(20)")]
    {
        let scratch = Scratch::create(engine);
        let config = DatabaseConfig { statement_timeout_s: 1, ..DatabaseConfig::at(&scratch.url) };
        let db = Database::connect(&config).await.unwrap();
        let begun = std::time::Instant::now();
        let error = refused(&db, slow).await.expect_err(slow);
        assert!(error.is_transient(), "{error:?}");
        assert!(begun.elapsed().as_secs() < 15, "it was waited for");
        db.close().await;
    }
}

/// All rows of all tables, as the server sums them up.
fn sums(scratch: &Scratch) -> String {
    let name = scratch.url.rsplit('/').next().unwrap();
    let list = "select table_name from information_schema.tables where table_type = 'BASE TABLE'";
    let tables = scratch.sql(&format!("{list} and table_schema = '{name}'")).unwrap();
    let tables: Vec<String> = tables.lines().map(|table| format!("`{table}`")).collect();
    assert!(tables.len() > 25, "{tables:?}");
    scratch.sql(&format!("checksum table {}", tables.join(", "))).unwrap()
}

#[tokio::test]
async fn no_route_changes_a_row_even_where_it_might() {
    let served = Served::start(Engine::MariaDb).await;
    let before = sums(&served.scratch);
    ask_everything(&served).await;
    ask_everything(&served).await;
    assert_eq!(sums(&served.scratch), before);
    served.stop().await;
}

#[tokio::test]
async fn all_engines_answer_every_route() {
    on_each(async |served| ask_everything(served).await).await;
}
