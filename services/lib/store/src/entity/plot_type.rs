//! Table `plot_type`.

use sea_orm::entity::prelude::*;

/// A plot type.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "plot_type")]
pub struct Model {
    /// Row id.
    #[sea_orm(primary_key)]
    pub id: i32,
    /// Its name, a `PlotTypeName`.
    pub name: String,
    /// The detector, for a declared one.
    pub detector_id: Option<i32>,
    /// See [`crate::PlotTypeState`].
    pub state: i16,
    /// Place on the pages.
    pub position: i32,
    /// JSON, see [`crate::catalog::Spec`].
    #[sea_orm(column_type = "Text")]
    pub spec: String,
    /// When it was first seen or declared.
    pub created_us: i64,
    /// When the catalog last changed it.
    pub updated_us: i64,
}

/// Nothing is joined through relations: every join is written where it is used.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
