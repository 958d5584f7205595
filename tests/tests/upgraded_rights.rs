//! Database users of an earlier release, with the rights of that release, after `hydra migrate`.
#![allow(clippy::unwrap_used)]

use hydra_testkit::{Database, Engine, hydra_binary};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const ROLES: [&str; 5] = ["keep", "worker", "train", "query", "control"];

/// Runs the binary on the database at `url`; whether it went well, and what it said.
fn hydra(url: &str, arguments: &[&str]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(hydra_binary());
    command.current_dir(&folder).args(arguments).env("HYDRA_DATABASE__URL", url);
    let output = command.output().unwrap();
    let said =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    (output.status.success(), said.concat())
}

/// Users with the rights that their roles had on the tables of the schema as it is; dropped in the end.
struct Users<'a> {
    database: &'a Database,
    prefix: String,
}

impl<'a> Users<'a> {
    fn create(database: &'a Database) -> Self {
        let prefix = format!("f40_{}", std::process::id());
        let users = Self { database, prefix };
        let tables = database.sql("show tables").unwrap();
        let tables: BTreeSet<&str> = tables.lines().collect();
        for role in ROLES {
            let user = users.quoted(role);
            database.sql(&format!("create user {user} identified by 'secret'")).unwrap();
            let (well, said) =
                hydra(&database.url, &["migrate", "--grants", role, "--user", &user]);
            assert!(well, "{said}");
            for grant in said.lines().filter(|line| line.starts_with("grant ")) {
                let table = grant.split(['.', ' ']).find_map(|word| {
                    let word = word.strip_prefix('`')?.strip_suffix('`')?;
                    (!database.url.ends_with(word)).then_some(word)
                });
                if table.is_none_or(|table| tables.contains(table)) {
                    database.sql(grant.trim_end_matches(';')).unwrap();
                }
            }
        }
        users
    }

    fn quoted(&self, role: &str) -> String {
        format!("'{}_{role}'@'%'", self.prefix)
    }

    fn url(&self, role: &str) -> String {
        let (scheme, rest) = self.database.url.split_once("://").unwrap();
        let (_, host) = rest.rsplit_once('@').unwrap();
        format!("{scheme}://{}_{role}:secret@{host}", self.prefix)
    }

    /// The rights of a role's user, as the database lists them, without the password.
    fn rights(&self, role: &str) -> BTreeSet<String> {
        let said = self.database.sql(&format!("show grants for {}", self.quoted(role))).unwrap();
        let lines = said.lines().filter(|line| !line.contains("IDENTIFIED BY"));
        lines.map(str::to_lowercase).collect()
    }
}

impl Drop for Users<'_> {
    fn drop(&mut self) {
        for role in ROLES {
            let _best_effort = self.database.sql(&format!("drop user {}", self.quoted(role)));
        }
    }
}

/// F40: tables that came later are there for users that were made before them, and for nobody else.
#[test]
fn f40_users_of_an_earlier_release_may_use_what_came_later() {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("released/0.1/database.sql");
    let database = Database::create(Engine::MariaDb);
    database.sql(&fs::read_to_string(dump).unwrap()).unwrap();
    let users = Users::create(&database);
    let before: Vec<_> = ROLES.map(|role| users.rights(role)).into();

    let (well, said) = hydra(&database.url, &["migrate"]);
    assert!(well, "{said}");
    // the doctor sees the schema as a worker
    let (_, said) = hydra(&users.url("worker"), &["doctor"]);
    assert!(said.contains("ok     database"), "{said}");
    // without new rights keep cannot work: what is tested here can fail
    let later = "delete from shown where 1 = 0";
    let keep = users.url("keep");
    let refused = database.sql_as(&keep, later).unwrap_err();
    assert!(refused.to_string().contains("denied"), "{refused:#}");

    let (well, said) = hydra(&database.url, &["migrate", "--users", &users.prefix]);
    assert!(well, "{said}");
    database.sql_as(&keep, later).unwrap();
    for (role, before) in ROLES.iter().zip(before) {
        let now = users.rights(role);
        assert!(now.is_superset(&before), "{role} keeps what it had");
        let fresh = Users { database: &database, prefix: format!("{}n", users.prefix) };
        database
            .sql(&format!("create user {} identified by 'secret'", fresh.quoted(role)))
            .unwrap();
        let (well, said) =
            hydra(&database.url, &["migrate", "--grants", role, "--user", &fresh.quoted(role)]);
        assert!(well, "{said}");
        for grant in said.lines().filter(|line| line.starts_with("grant ")) {
            database.sql(grant.trim_end_matches(';')).unwrap();
        }
        let same = |rights: BTreeSet<String>, prefix: &str| -> BTreeSet<String> {
            rights.into_iter().map(|line| line.replace(prefix, "")).collect()
        };
        let wanted = same(fresh.rights(role), &fresh.prefix);
        assert_eq!(same(now, &users.prefix), wanted, "{role}: as a user who is made now");
    }
    let (well, said) = hydra(&database.url, &["migrate", "--users", "a'b"]);
    assert!(!well && said.contains("--users"), "{said}");
    let (well, said) = hydra(&database.url, &["migrate", "--users", "nobody"]);
    assert!(!well && said.contains("giving 'nobody_keep'"), "{said}");
}
