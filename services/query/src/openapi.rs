//! The OpenAPI document, made from the handlers and types themselves.

use crate::{api, routes};
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::{RefOr, Schema},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hydra query",
        description = "Reads what Hydra saw, said and measured. Nothing here writes. Times are \
            microseconds since 1970 UTC; lists are read page by page: pass `next` as `cursor`."
    ),
    paths(
        routes::hall::hall,
        routes::live::live,
        routes::plot_types::list,
        routes::plot_types::one,
        routes::trend::trend,
        routes::trend::predictions,
        routes::why::why,
        routes::plot_types::detectors,
        routes::plot_types::groups,
        routes::runs::list,
        routes::runs::one,
        routes::images::list,
        routes::images::one,
        routes::pictures::thumbnail,
        routes::pictures::original,
        routes::pictures::heatmap,
        routes::log::list,
        routes::log::incidents,
        routes::log::incident,
        routes::models::list,
        routes::models::one,
        routes::models::labels,
        routes::quality::quality,
        routes::status::status,
        routes::status::latency,
        routes::status::calendar,
        routes::status::dead_letters,
    ),
    components(schemas(
        api::Tick,
        api::Change,
        routes::images::OrderParam,
        routes::quality::Format
    ))
)]
struct Document;

/// The OpenAPI document as JSON.
pub fn document() -> String {
    let mut document = Document::openapi();
    for schema in document.components.iter_mut().flat_map(|c| c.schemas.values_mut()) {
        require_all(schema);
    }
    let mut document = serde_json::to_value(document).unwrap_or_default();
    widen(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Our unsigned 32 bits are called `int32`, which to readers of the document ends at half of them.
fn widen(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("format") == Some(&"int32".into()) && fields.contains_key("minimum") {
                fields.insert("format".into(), "int64".into());
                fields.entry("maximum").or_insert(u32::MAX.into());
            }
            fields.values_mut().for_each(widen);
        }
        Value::Array(values) => values.iter_mut().for_each(widen),
        _ => {}
    }
}

/// Marks every property as required: what is not known is sent as `null`, never left out.
fn require_all(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.required = object.properties.keys().cloned().collect();
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(require_all),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let now = super::document() + "\n";
        if std::env::var_os("HYDRA_WRITE_OPENAPI").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == now, "run HYDRA_WRITE_OPENAPI=1 cargo test -p hydra-query openapi");
    }
}
