//! Table `dead_letter`.

use sea_orm::entity::prelude::*;

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letter")]
pub struct Model {
    /// From stage and message id.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(16)")]
    pub id: Vec<u8>,
    /// The message's id.
    #[sea_orm(column_type = "Text")]
    pub message_id: String,
    /// Who gave it up.
    pub stage: String,
    /// What it was.
    pub event: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in full.
    #[sea_orm(column_type = "Text")]
    pub error: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Of its body.
    pub size_bytes: i64,
    /// When.
    pub buried_us: i64,
    /// Its plot type, where it could be read.
    pub plot_type_id: Option<i32>,
    /// Its run.
    pub run: Option<i64>,
    /// Its chunk.
    pub chunk: Option<i64>,
    /// Its image.
    #[sea_orm(column_type = "Binary(24)")]
    pub image_id: Option<Vec<u8>>,
    /// `replayed` or `dropped`; absent while it waits.
    pub handled: Option<String>,
    /// When.
    pub handled_us: Option<i64>,
    /// Number of keep's transaction.
    pub commit_no: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
