//! Who may do what: one database user a role, each with the least that it needs.

use sea_orm::DbBackend;
use std::{fmt, str::FromStr};

/// Roles that have a database user of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `keep`: the only stage that writes results, and the only one that deletes.
    Keep,
    /// `resize`, `infer`, `gradcam`, `ingest`: read the registry, write heartbeats.
    Worker,
    /// `train`: reads everything, adds models and candidates, pins what they were made from.
    Train,
    /// `query`, Grafana: read everything, write nothing.
    Query,
    /// `control` and the commands of an operator: catalog, models, releases, labels.
    Control,
}

/// A role that has no database user.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no database role is called {0:?}; there are keep, worker, train, query, control")]
pub struct UnknownRole(String);

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Keep, Self::Worker, Self::Train, Self::Query, Self::Control];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Worker => "worker",
            Self::Train => "train",
            Self::Query => "query",
            Self::Control => "control",
        }
    }

    /// Table by table; `*` is every table and view.
    fn rights(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Query => vec![("*", "select")],
            Self::Worker => {
                // the steps of the schema, so that `hydra doctor` sees what is missing
                let mut rights =
                    vec![("heartbeat", "select, insert, update"), ("seaql_migrations", "select")];
                rights.extend(REGISTRY.map(|table| (table, "select")));
                rights
            }
            Self::Train => {
                let mut rights = vec![("*", "select"), ("counter", "update")];
                rights.extend(TRAIN_ADDS.map(|table| (table, "insert")));
                rights.extend(TRAIN_NOTES.map(|table| (table, "insert, update")));
                rights.extend([
                    ("plot_type", "insert, update"),
                    ("model", "insert, update"),
                    ("heartbeat", "insert, update"),
                    // a candidate; that it never is the active one is a matter of the program
                    ("alias", "insert, update"),
                ]);
                rights
            }
            Self::Keep => {
                let mut rights = vec![("*", "select"), ("counter", "update")];
                rights.extend(MEASURED.map(|table| (table, "insert, update, delete")));
                // discovered ones: MariaDB takes "leave what is there" for an update of every column
                rights.push(("plot_type", "insert, update"));
                rights.push(("model", "insert, update"));
                rights.push(("dead_letter", "insert, update, delete"));
                rights
            }
            Self::Control => {
                let mut rights = vec![("*", "select"), ("counter", "update")];
                rights.extend(EVENTS.map(|table| (table, "insert")));
                rights.extend(STATE.map(|table| (table, "insert, update, delete")));
                rights.extend([
                    ("heartbeat", "insert, update"),
                    ("dead_letter", "update"),
                    ("sequence", "update"),
                    ("outbox", "insert"),
                ]);
                rights
            }
        }
    }
}

/// What a worker must read.
const REGISTRY: [&str; 7] =
    ["counter", "setting", "plot_type", "model", "model_label", "model_plot_type", "alias"];
/// What keep writes and retention deletes.
const MEASURED: [&str; 21] = [
    "image",
    "shown",
    "retraining",
    "conditions",
    "latest",
    "prediction",
    "embedding",
    "heatmap",
    "sequence",
    "track",
    "run",
    "run_outcome",
    "run_latency",
    "daily",
    "heartbeat",
    "outbox",
    "lease",
    "retention_mark",
    "garbage",
    "model_label",
    "model_plot_type",
];
/// What belongs to a model, and that it is a candidate.
const TRAIN_ADDS: [&str; 2] = ["model_label", "release_event"];
/// What a model was made for and from, and the images that stay because of it.
const TRAIN_NOTES: [&str; 3] = ["model_plot_type", "training_image", "pin"];
/// Append only: nobody may change or delete what was decided.
const EVENTS: [&str; 3] = ["catalog_event", "release_event", "label_event"];
/// State that follows from the events.
const STATE: [&str; 11] = [
    "detector",
    "plot_type",
    "news",
    "setting",
    "model",
    "model_label",
    "model_plot_type",
    "alias",
    "label",
    "pin",
    "training_image",
];

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|r| r.name() == text).ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// The statements that give `user` the rights of `role` on the database called `database`. The
/// user must exist. SQLite has no users, so there are none.
///
/// `user` is written as given: on MariaDB `'name'@'%'`, on PostgreSQL `"name"`.
pub fn grants(backend: DbBackend, role: Role, user: &str, database: &str) -> Vec<String> {
    match backend {
        DbBackend::MySql => {
            let on = |table: &str| match table {
                "*" => format!("`{database}`.*"),
                table => format!("`{database}`.`{table}`"),
            };
            let rights = role.rights().into_iter();
            rights.map(|(table, may)| format!("grant {may} on {} to {user}", on(table))).collect()
        }
        DbBackend::Postgres => {
            let on = |table: &str| match table {
                "*" => "all tables in schema public".to_owned(),
                table => format!("\"{table}\""),
            };
            let mut statements = vec![
                format!("grant connect on database \"{database}\" to {user}"),
                format!("grant usage on schema public to {user}"),
            ];
            let rights = role.rights().into_iter();
            statements.extend(
                rights.map(|(table, may)| format!("grant {may} on {} to {user}", on(table))),
            );
            if matches!(role, Role::Keep | Role::Train | Role::Control) {
                statements.push(format!("grant usage on all sequences in schema public to {user}"));
            }
            statements
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_may_only_select() {
        for backend in [DbBackend::MySql, DbBackend::Postgres] {
            for statement in grants(backend, Role::Query, "q", "hydra") {
                for write in ["insert", "update", "delete", "all privileges"] {
                    assert!(!statement.contains(write), "{statement}");
                }
            }
        }
    }

    #[test]
    fn nobody_may_change_an_event() {
        for role in Role::ALL {
            for (table, may) in role.rights().into_iter().filter(|(t, _)| t.ends_with("_event")) {
                assert_eq!(may, "insert", "{role} on {table}");
            }
        }
    }
}
