//! Table `embedding`.

use sea_orm::entity::prelude::*;

/// The features that a model saw in an image.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "embedding")]
pub struct Model {
    /// The image.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(24)")]
    pub image_id: Vec<u8>,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: i32,
    /// float32, little-endian.
    #[sea_orm(column_type = "Blob")]
    pub features: Vec<u8>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
