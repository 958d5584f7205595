//! Facts from query and headers -> text by name.

use super::problem::Problem;
use crate::{FACT_NAMES, Refusal, refusal::shown};
use axum::{
    extract::Query,
    http::{HeaderMap, Uri},
};
use hydra_stage::{Message, message::TRACEPARENT};
use std::collections::BTreeMap;
use tracing::Span;

/// Texts of facts by their name, see [`crate::Facts::read`].
pub(super) type Texts = BTreeMap<String, String>;

/// Facts of a whole request. One that is given twice, or a name that nobody knows, is refused:
/// a misspelt fact that is passed over would be lost.
pub(super) fn of_request(query: Option<&str>, headers: &HeaderMap) -> Result<Texts, Problem> {
    let mut texts = of_headers(headers).map_err(Problem::refused_early)?;
    for (name, text) in pairs(query.unwrap_or_default())? {
        // Both spellings, `plot-type` and `plot_type`, are natural in a query.
        let fact = known(&name.replace('_', "-")).map_err(Problem::refused_early)?;
        if texts.insert(fact.to_owned(), text).is_some() {
            let why = "it is given twice".to_owned();
            return Err(Problem::refused_early(Refusal::BadFact { fact, why }));
        }
    }
    Ok(texts)
}

/// Facts in headers `Hydra-...`.
pub(super) fn of_headers(headers: &HeaderMap) -> Result<Texts, Refusal> {
    let mut texts = Texts::new();
    for (name, value) in headers {
        let Some(name) = name.as_str().strip_prefix("hydra-") else { continue };
        let fact = known(name)?;
        let text = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Refusal::BadFact { fact, why: "it is not UTF-8 text".into() })?;
        if texts.insert(fact.to_owned(), text.to_owned()).is_some() {
            return Err(Refusal::BadFact { fact, why: "it is given twice".into() });
        }
    }
    Ok(texts)
}

/// Decoded pairs of a query.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let bad = || Problem::malformed("the query cannot be decoded".into());
    let uri = Uri::builder().path_and_query(format!("/?{query}")).build().map_err(|_| bad())?;
    let Query(pairs) = Query::try_from_uri(&uri).map_err(|_| bad())?;
    Ok(pairs)
}

fn known(name: &str) -> Result<&'static str, Refusal> {
    FACT_NAMES
        .into_iter()
        .find(|fact| *fact == name)
        .ok_or_else(|| Refusal::UnknownFact { name: shown(name), known: FACT_NAMES.join(", ") })
}

/// The caller's W3C trace context.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<String> {
    headers.get(TRACEPARENT)?.to_str().ok().map(ToOwned::to_owned)
}

/// Makes the caller's trace the parent of `span`.
pub(super) fn adopt_trace(span: &Span, headers: &HeaderMap) {
    if let Some(parent) = traceparent(headers) {
        hydra_stage::adopt(span, &Message::default().with_header(TRACEPARENT, parent));
    }
}
