//! `metadata.json`: facts for every image below it. One nearer to the image counts more.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Name of the file.
pub(super) const FILE: &str = "metadata.json";
/// More is no metadata.
pub(super) const MAX_BYTES: usize = 64 << 10;

/// Spellings of a fact in the wild, and its name here.
const KEYS: [(&str, &str); 9] = [
    ("run", "run"),
    ("run_number", "run"),
    ("RunNumber", "run"),
    ("run_period", "run-period"),
    ("RunPeriod", "run-period"),
    ("chunk", "chunk"),
    ("taken_at", "taken-at"),
    ("source", "source"),
    ("producer", "source"),
];

/// Facts as text by name, and conditions, from the outermost file to the innermost.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    texts: BTreeMap<String, String>,
    conditions: Map<String, Value>,
}

impl Metadata {
    /// Lays the facts of another file over these. `Err` says what is wrong with it, which may be
    /// that it is not written to its end yet.
    pub fn lay_over(&mut self, bytes: &[u8]) -> Result<(), String> {
        let object: Map<String, Value> =
            serde_json::from_slice(bytes).map_err(|_| "it is not a JSON object".to_owned())?;
        for (key, value) in object {
            match (KEYS.iter().find(|(spelling, _)| *spelling == key), value) {
                (_, Value::Null) => {}
                (Some((_, fact)), Value::String(text)) => {
                    self.texts.insert((*fact).into(), text);
                }
                (Some((_, fact)), Value::Number(number)) => {
                    self.texts.insert((*fact).into(), number.to_string());
                }
                (Some((_, fact)), _) => return Err(format!("its {fact} is no text or number")),
                (None, Value::Object(inner)) if key == "conditions" => {
                    self.conditions.extend(inner);
                }
                // What we do not know describes the circumstances.
                (None, value) => {
                    self.conditions.insert(key, value);
                }
            }
        }
        Ok(())
    }

    /// The facts as text, over those that the path gave.
    pub fn into_texts(
        mut self,
        mut from_path: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        if !self.conditions.is_empty() {
            self.texts.insert("conditions".into(), Value::Object(self.conditions).to_string());
        }
        from_path.extend(self.texts);
        from_path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_files_count_more_and_unknown_keys_become_conditions() {
        let mut metadata = Metadata::default();
        metadata
            .lay_over(br#"{"run": 11, "RunPeriod": "RunPeriod-2021-08", "target": "LH2", "conditions": {"beam_na": 100}}"#)
            .unwrap();
        metadata
            .lay_over(br#"{"run_number": "12", "conditions": {"beam_na": 150.5}, "chunk": null}"#)
            .unwrap();
        let texts = metadata.into_texts([("run".to_owned(), "7".to_owned())].into());
        assert_eq!(texts["run"], "12");
        assert_eq!(texts["run-period"], "RunPeriod-2021-08");
        assert_eq!(texts["conditions"], r#"{"beam_na":150.5,"target":"LH2"}"#);
        assert!(!texts.contains_key("chunk"));
    }

    #[test]
    fn what_is_no_metadata_says_so() {
        for bad in [&b""[..], b"{", b"[]", b"7", b"{\"run\": {}}", b"{\"run\": [1]}", b"\xff"] {
            assert!(Metadata::default().lay_over(bad).is_err());
        }
    }
}
