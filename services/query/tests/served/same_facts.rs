//! gRPC has what REST has: every address a method, every parameter and every property a field. A new
//! one of REST that gRPC lacks fails here, unless this says why it is for REST alone.

use prost::Message;
use prost_types::{DescriptorProto, FileDescriptorSet};
use serde_json::Value;
use std::collections::BTreeSet;

/// Addresses and their methods.
const RESOURCES: [(&str, &str); 27] = [
    ("/dead-letters", "ListDeadLetters"),
    ("/detectors", "ListDetectors"),
    ("/groups", "ListGroups"),
    ("/hall", "GetHall"),
    ("/images", "ListImages"),
    ("/images/{image}", "GetImage"),
    ("/images/{image}/heatmap", "GetPicture"),
    ("/images/{image}/original", "GetPicture"),
    ("/images/{image}/thumbnail", "GetPicture"),
    ("/incidents", "ListIncidents"),
    ("/incidents/{incident}", "GetIncident"),
    ("/labels", "ListLabelStatistics"),
    ("/live", "Watch"),
    ("/log", "ListLog"),
    ("/models", "ListModels"),
    ("/models/{digest}", "GetModel"),
    ("/plot-types", "ListPlotTypes"),
    ("/plot-types/{name}", "GetPlotType"),
    ("/plot-types/{name}/predictions", "ListPredictions"),
    ("/plot-types/{name}/trend", "GetTrend"),
    ("/plot-types/{name}/why", "ExplainVerdict"),
    ("/quality", "ListQualityIntervals"),
    ("/runs", "ListRuns"),
    ("/runs/{run}", "GetRun"),
    ("/status", "GetStatus"),
    ("/status/calendar", "ListDays"),
    ("/status/latency", "ListRunLatencies"),
];

/// Schemas whose messages are called otherwise.
const MESSAGES: [(&str, &str); 12] = [
    ("ActiveModel", "PlotType"),
    ("Beam", "GetHallResponse"),
    ("Hall", "GetHallResponse"),
    ("ImageDetail", "GetImageResponse"),
    ("LogMark", "Mark"),
    ("PlotTypeDetail", "GetPlotTypeResponse"),
    ("RunDetail", "GetRunResponse"),
    ("RunNow", "GetHallResponse"),
    ("Status", "GetStatusResponse"),
    ("Trend", "TrendPoint"),
    ("Why", "ExplainVerdictResponse"),
    ("Change", "WatchResponse"),
];

/// Schemas of REST alone: forms of an answer, not facts. The tick repeats the hall.
const OF_REST: [&str; 3] = ["Format", "Problem", "Tick"];

/// Fields that are called otherwise, by message and property; of empty ones the text says why there
/// is none.
const FIELDS: [(&str, &str, &str); 28] = [
    ("GetHallResponse", "at_us", "beam_at_us"),
    ("GetHallResponse", "condition", "beam_condition"),
    ("GetHallResponse", "conditions", "conditions_json"),
    ("GetHallResponse", "min", "beam_min"),
    ("GetHallResponse", "reading", "beam_reading"),
    ("GetHallResponse", "since_us", "run_since_us"),
    ("GetHallResponse", "state", "beam"),
    ("GetImageResponse", "conditions", "conditions_json"),
    ("GetPictureRequest", "v", ""), // for those who cache addresses
    ("GetTrendRequest", "name", "plot_type"),
    ("ExplainVerdictRequest", "name", "plot_type"),
    ("ListPredictionsRequest", "name", "plot_type"),
    ("ListPredictionsRequest", "role", "of_candidates"),
    ("ListLogRequest", "kind", "kinds"),
    ("ListQualityIntervalsRequest", "format", ""), // a table is a form
    ("Model", "evaluation", "evaluation_json"),
    ("PlotType", "digest", "model"),
    ("PlotType", "since_us", "model_since_us"),
    ("Prediction", "role", "of_candidate"),
    ("Run", "conditions", "conditions_json"),
    ("TrendPoint", "chunks", "chunk"),
    ("TrendPoint", "images", "image"),
    ("TrendPoint", "labels", "label"),
    ("TrendPoint", "runs", "run"),
    ("TrendPoint", "states", "state"),
    ("TrendPoint", "verdicts", "label"),
    ("WatchResponse", "plot_types", "plot_type"),
    ("WatchResponse", "version_of_state", ""), // GetHall tells it
];

/// Properties of [`FIELDS`]'s messages that lie in a message around or inside.
const ELSEWHERE: [(&str, &str); 4] = [
    ("TrendPoint", "plot_type"),    // in Trend
    ("TrendPoint", "releases"),     // in Trend
    ("TrendPoint", "next"),         // in GetTrendResponse
    ("WatchResponse", "incidents"), // in PlotType, with GetIncident for one that was cleared
];

struct Contract {
    files: FileDescriptorSet,
    rest: Value,
}

impl Contract {
    fn read() -> Self {
        let files = FileDescriptorSet::decode(hydra_proto::DESCRIPTORS).unwrap();
        Self { files, rest: serde_json::from_str(&hydra_query::openapi_document()).unwrap() }
    }

    fn message(&self, name: &str) -> Option<&DescriptorProto> {
        let query = self.files.file.iter().filter(|file| file.package() == "hydra.query.v1");
        query.flat_map(|file| &file.message_type).find(|message| message.name() == name)
    }

    fn methods(&self) -> BTreeSet<&str> {
        let services = self.files.file.iter().flat_map(|file| &file.service);
        let query = services.filter(|service| service.name() == "QueryService");
        query.flat_map(|service| &service.method).map(|method| method.name()).collect()
    }

    fn assert_has(&self, message: &str, property: &str) {
        if ELSEWHERE.contains(&(message, property)) {
            return;
        }
        let renamed = FIELDS.iter().find(|(of, name, _)| (*of, *name) == (message, property));
        let field = renamed.map_or(property, |(.., field)| field);
        let known = self.message(message).unwrap_or_else(|| panic!("no message {message}"));
        let has = known.field.iter().any(|one| one.name() == field);
        assert!(has || field.is_empty(), "{message} of gRPC has no {field}; REST has {property}");
    }
}

#[test]
fn every_address_has_a_method_and_every_parameter_a_field() {
    let contract = Contract::read();
    let mut methods = contract.methods();
    for (address, about) in contract.rest["paths"].as_object().unwrap() {
        let address = address.strip_prefix("/api/v1").unwrap();
        let method = RESOURCES.iter().find(|(of, _)| *of == address);
        let (_, method) = method.unwrap_or_else(|| panic!("no method for {address}"));
        assert!(contract.methods().contains(method), "{address}: no {method}");
        methods.remove(method);
        for parameter in about["get"]["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            contract.assert_has(&format!("{method}Request"), name);
        }
    }
    assert!(methods.is_empty(), "gRPC alone has {methods:?}");
}

/// Names of the properties; those of a schema that extends another are its own.
fn properties(schema: &Value) -> Vec<&str> {
    let parts = schema["allOf"].as_array();
    let own = parts.map_or(schema, |parts| parts.last().unwrap());
    own["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn every_property_has_a_field() {
    let contract = Contract::read();
    let mut looked_at = 0;
    for (name, schema) in contract.rest["components"]["schemas"].as_object().unwrap() {
        let is_list = name.starts_with("Page_"); // its own message has the entries by name
        if is_list || OF_REST.contains(&name.as_str()) {
            continue;
        }
        let renamed = MESSAGES.iter().find(|(of, _)| of == name);
        let message = renamed.map_or(name.as_str(), |(_, message)| message);
        for property in properties(schema) {
            contract.assert_has(message, property);
            looked_at += 1;
        }
    }
    assert!(looked_at > 150, "{looked_at} properties");
}
