//! What pages and programs read. Nothing here writes; every list is cut by key and bounded, and
//! every statement runs along an index of the schema.

mod board;
mod declared;
mod freshness;
mod images;
mod log;
mod models;
mod runs;
mod status;
mod trend;
mod whole;

pub use board::*;
pub use declared::*;
pub use freshness::*;
pub use images::*;
pub use log::*;
pub use models::*;
pub use runs::*;
pub use status::*;
pub use trend::*;
pub use whole::*;

use sea_orm::{ColumnTrait, Condition, Value};

/// Ids asked for by one statement.
const CHUNK: usize = 500;

/// A place in a list that is ordered by time and then by id: of the last entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Microseconds since 1970 UTC, or a commit's number.
    pub at: i64,
    /// Tells apart what has the same time.
    pub id: Vec<u8>,
}

/// From when up to but not including when, microseconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Included.
    pub from_us: i64,
    /// Not included.
    pub to_us: i64,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
}

/// What comes after `mark` in the order of two columns. The first comparison alone lets every
/// engine walk the index from there.
fn after<C: ColumnTrait>(at: C, id: C, order: Order, mark: &Mark) -> Condition {
    let place = Value::from(mark.id.clone());
    let (range, beyond, next) = match order {
        Order::Newest => (at.lte(mark.at), at.lt(mark.at), id.lt(place)),
        Order::Oldest => (at.gte(mark.at), at.gt(mark.at), id.gt(place)),
    };
    Condition::all().add(range).add(Condition::any().add(beyond).add(next))
}
