//! Table `news`.

use sea_orm::entity::prelude::*;

/// A line of news.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "news")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Place on the pages.
    pub position: i32,
    /// Plain text.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    /// Since when it is shown.
    pub since_us: Option<i64>,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
