//! The few kinds of columns that the schema uses, so that a step reads like a table.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::{ColumnDef, Table, TableCreateStatement};

/// Bytes of exactly this length: an id or a hash.
pub(crate) fn bytes(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).binary_len(length).not_null().take()
}

/// Bytes of up to 64 KiB.
pub(crate) fn blob(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).blob().not_null().take()
}

/// 64 bits: times in microseconds since 1970 UTC (`_us`), counts, run numbers.
pub(crate) fn big(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// 32 bits: row ids of what people declare, pixels.
pub(crate) fn int(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

/// 16 bits: states, roles, places in a list.
pub(crate) fn small(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).small_integer().not_null().take()
}

pub(crate) fn float(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).float().not_null().take()
}

pub(crate) fn double(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).double().not_null().take()
}

pub(crate) fn flag(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).boolean().not_null().take()
}

/// Text of at most `length` characters, which may be part of an index.
pub(crate) fn name(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length).not_null().take()
}

/// Text that people write: up to 64 KiB.
pub(crate) fn text(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).text().not_null().take()
}

/// Documents that programs write: up to 16 MiB.
pub(crate) fn document(name: &'static str, backend: DbBackend) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match backend {
        DbBackend::MySql => column.custom("mediumtext"),
        _ => column.text(),
    };
    column.not_null().take()
}

/// A key that the database counts up, 32 bits.
pub(crate) fn counted(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().auto_increment().primary_key().take()
}

/// A key that the database counts up, 64 bits.
pub(crate) fn counted_big(name: &'static str, backend: DbBackend) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    match backend {
        // SQLite counts only columns of exactly the type `integer`, which there has 64 bits.
        DbBackend::Sqlite => column.integer(),
        _ => column.big_integer(),
    };
    column.not_null().auto_increment().primary_key().take()
}

/// A table in which text is compared by its bytes: two plot types that differ in case are two.
pub(crate) fn table(name: &'static str, backend: DbBackend) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name).if_not_exists();
    if backend == DbBackend::MySql {
        table.engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
    }
    table
}
