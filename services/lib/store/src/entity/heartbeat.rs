//! Table `heartbeat`.

use sea_orm::entity::prelude::*;

/// The newest sign of life of a role in a process.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "heartbeat")]
pub struct Model {
    /// Name of the process, unique in the hall.
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance: String,
    /// The role it plays.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_us: i64,
    /// When it last reported.
    pub beat_us: i64,
    /// Whether it could work then.
    pub ready: bool,
    /// JSON, see [`crate::heartbeat::Body`].
    #[sea_orm(column_type = "Text")]
    pub body: String,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
