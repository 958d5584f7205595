//! The JSON of REST -> messages. Field by field; nothing is computed here.

mod images;
mod log;
mod plots;
mod status;

use crate::api;
use hydra_proto::query as pb;
pub use images::*;
pub use log::*;
pub use plots::*;
pub use status::*;

fn json(object: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

fn state(state: api::VerdictState) -> i32 {
    let state = match state {
        api::VerdictState::Confirmed => pb::VerdictState::Confirmed,
        api::VerdictState::Unconfirmed => pb::VerdictState::Unconfirmed,
        api::VerdictState::Novel => pb::VerdictState::Novel,
        api::VerdictState::NoVerdict => pb::VerdictState::NoVerdict,
    };
    state.into()
}

/// A page's entries, and its `next`: empty at the end.
pub fn page<A, B>(page: api::Page<A>, of: impl Fn(A) -> B) -> (Vec<B>, String) {
    (page.items.into_iter().map(of).collect(), page.next.unwrap_or_default())
}
