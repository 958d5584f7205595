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

/// Every address that the document of the API names, about things that are in the hall. A parameter
/// that nobody filled in here yet fails the test, so no route is forgotten.
async fn every_route(served: &Served) -> Vec<String> {
    let bad = served.written.fact("DC_occupancy", 80_003, Some(20));
    let incident = served.get("/incidents").await["items"][0]["id"].as_str().unwrap().to_owned();
    let in_path = |route: &str, name: &str| match (route, name) {
        (_, "image") => bad.id.to_string(),
        (_, "incident") => incident.clone(),
        (_, "digest") => bad.verdict.as_ref().unwrap().model.to_string(),
        (_, "run") => "80001".to_owned(),
        (_, "name") => "DC_occupancy".to_owned(),
        _ => panic!("what is {{{name}}} of {route}?"),
    };
    // what must be given, and what else is worth asking
    let asked: &[(&str, &[&str])] = &[
        ("/plot-types/{name}/why", &[&format!("at_us={}", bad.taken_us)]),
        ("/quality", &["run=80001", "run=80001&format=csv", "run=80001&limit=3"]),
        ("/images", &["", "run=80001", "plot_type=DC_tdc", "plot_type=DC_tdc&order=oldest"]),
        ("/log", &["", "run=80002", "from_us=0"]),
        ("/incidents", &["", "open=false"]),
        ("/models", &["", "released=true"]),
    ];
    let mut routes = Vec::new();
    let document = served.get("/openapi.json").await;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let route = path.strip_prefix("/api/v1").unwrap();
        let mut filled = route.to_owned();
        let parameters = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters.iter().filter(|one| one["in"] == "path") {
            let name = parameter["name"].as_str().unwrap();
            filled = filled.replace(&format!("{{{name}}}"), &in_path(route, name));
        }
        let queries = asked.iter().find(|(of, _)| *of == route).map_or(&[""][..], |(_, all)| all);
        let sign = |query: &str| if query.is_empty() { "" } else { "?" };
        routes.extend(queries.iter().map(|query| format!("{filled}{}{query}", sign(query))));
    }
    // the one address that the document does not name: itself
    routes.push("/openapi.json".to_owned());
    assert!(routes.len() > 30 && routes.contains(&"/live".to_owned()), "{routes:?}");
    routes
}

async fn ask_everything(served: &Served) {
    for route in every_route(served).await {
        let mut answer = served.raw(&format!("/api/v1{route}")).await;
        let status = answer.status();
        // the stream has no end: its first words are enough
        let text = if route == "/live" {
            answer.chunk().await.unwrap().unwrap_or_default()
        } else {
            answer.bytes().await.unwrap()
        };
        assert_eq!(status, 200, "{route}: {}", String::from_utf8_lossy(&text));
        assert!(!text.is_empty(), "{route}");
    }
    crate::grpc::ask_everything(served).await;
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
                // in a block of its own: an open transaction would fail whatever comes next
                "do $$ begin lock table image in exclusive mode; end $$",
                "create role mine",
                "create schema mine",
            ],
        };
        for statement in WRITES.iter().chain(only_here) {
            // a statement that is wrong fails too, and would show nothing
            let error = refused(&db, statement).await.expect_err(statement);
            assert!(matches!(error, StoreError::Denied(_)), "{engine:?}: {statement}: {error:?}");
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
