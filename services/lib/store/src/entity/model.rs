//! Table `model`.

use sea_orm::entity::prelude::*;

/// A bundle of the model library.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "model")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// SHA-256 of the manifest, a `ModelDigest`.
    #[sea_orm(column_type = "Binary(32)")]
    pub digest: Vec<u8>,
    /// E.g. `InceptionV3`.
    pub architecture: String,
    /// Digest of the model it was trained on from.
    #[sea_orm(column_type = "Binary(32)")]
    pub parent: Option<Vec<u8>>,
    /// JSON list of `InputShape`.
    #[sea_orm(column_type = "Text")]
    pub inputs: String,
    /// JSON, as it was signed off.
    #[sea_orm(column_type = "Text")]
    pub manifest: String,
    /// JSON, as training wrote it.
    #[sea_orm(column_type = "Text")]
    pub evaluation: Option<String>,
    /// When it came into the library.
    pub created_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
