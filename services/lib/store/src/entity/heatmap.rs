//! Table `heatmap`.

use sea_orm::entity::prelude::*;

/// A map of what weighed for a class.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "heatmap")]
pub struct Model {
    /// The image; its row may come later.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: i32,
    /// The class.
    #[sea_orm(primary_key, auto_increment = false)]
    pub label: String,
    /// Blob key of an 8-bit grey PNG.
    #[sea_orm(column_type = "Binary(32)")]
    pub map: Vec<u8>,
    /// How it was made.
    pub method: String,
    /// Value of the raw map that 255 stands for.
    pub maximum: f32,
    /// When this row was written.
    pub made_us: i64,
    /// Number of keep's transaction.
    pub commit_no: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
