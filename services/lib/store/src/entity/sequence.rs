//! Table `sequence`.

use sea_orm::entity::prelude::*;

/// Consecutive images of a plot type with the same trouble.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sequence")]
pub struct Model {
    /// 16 bytes; of Bad ones the incident.
    #[sea_orm(primary_key, auto_increment = false, column_type = "Binary(16)")]
    pub id: Vec<u8>,
    /// The plot type.
    pub plot_type_id: i32,
    /// See [`crate::Kind`]: 2, 3 or 4.
    pub kind: i16,
    /// Of its newest image.
    pub label: String,
    /// When its first image was drawn.
    pub first_us: i64,
    /// Its first image.
    #[sea_orm(column_type = "Binary(24)")]
    pub first_image: Vec<u8>,
    /// When its newest image was drawn.
    pub last_us: i64,
    /// Its newest image.
    #[sea_orm(column_type = "Binary(24)")]
    pub last_image: Vec<u8>,
    /// The first image after it that was otherwise.
    pub end_us: Option<i64>,
    /// That image; absent where a person ended it.
    #[sea_orm(column_type = "Binary(24)")]
    pub end_image: Option<Vec<u8>>,
    /// It goes on.
    pub open: bool,
    /// How many.
    pub images: i64,
    /// Of its newest change.
    pub commit_no: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
