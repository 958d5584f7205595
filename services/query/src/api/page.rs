//! One page of a list.

use serde::Serialize;
use utoipa::ToSchema;

/// One page of a list. Pages are cut by key, so that what comes in meanwhile neither repeats
/// nor hides an entry.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries, in the order that the list documents.
    pub items: Vec<T>,
    /// Pass it as `cursor` to read on; `null` at the end. Opaque: a changed one is refused.
    pub next: Option<String>,
}
