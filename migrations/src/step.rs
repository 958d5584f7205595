//! One step of the schema, as data.

use sea_orm::DbBackend;
use sea_orm_migration::{
    async_trait::async_trait,
    prelude::{
        ConnectionTrait, DbErr, Index, IndexCreateStatement, MigrationName, MigrationTrait,
        SchemaManager, Table, TableCreateStatement,
    },
};

/// A table and the indexes on it.
pub(crate) struct TableStep {
    name: &'static str,
    create: TableCreateStatement,
    indexes: Vec<(String, IndexCreateStatement)>,
}

impl TableStep {
    pub fn new(name: &'static str, create: TableCreateStatement) -> Self {
        Self { name, create, indexes: Vec::new() }
    }

    /// Adds an index over `columns`, in this order.
    pub fn index(self, columns: &[&'static str]) -> Self {
        self.with_index("ix", columns, false)
    }

    /// Adds an index over `columns` that refuses repetitions.
    pub fn unique(self, columns: &[&'static str]) -> Self {
        self.with_index("uq", columns, true)
    }

    fn with_index(mut self, kind: &str, columns: &[&'static str], unique: bool) -> Self {
        let name = format!("{kind}_{}_{}", self.name, columns.join("_"));
        let mut index = Index::create();
        index.name(name.as_str()).table(self.name);
        for column in columns {
            index.col(*column);
        }
        if unique {
            index.unique();
        }
        self.indexes.push((name, index.take()));
        self
    }
}

/// A step that only adds: tables, indexes, rows, views. It may be repeated after it was broken
/// off half-way, because MariaDB cannot undo a part of it.
pub(crate) struct Step {
    pub name: &'static str,
    pub tables: fn(DbBackend) -> Vec<TableStep>,
    /// Statements after the tables; each must be harmless when repeated.
    pub after: fn(DbBackend) -> Vec<String>,
    /// Names of views to drop before the tables, on the way down.
    pub views: &'static [&'static str],
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

// The trait of the library is made by this attribute, so its implementation needs it too.
#[async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        for table in (self.tables)(backend) {
            manager.create_table(table.create).await?;
            for (name, index) in table.indexes {
                if !manager.has_index(table.name, &name).await? {
                    manager.create_index(index).await?;
                }
            }
        }
        for statement in (self.after)(backend) {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for view in self.views {
            let drop = format!("drop view if exists {view}");
            manager.get_connection().execute_unprepared(&drop).await?;
        }
        for table in (self.tables)(manager.get_database_backend()).into_iter().rev() {
            manager.drop_table(Table::drop().table(table.name).if_exists().take()).await?;
        }
        Ok(())
    }
}
