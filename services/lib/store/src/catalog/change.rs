//! A difference between two catalogs, entry by entry, for people and for the history.

use serde_json::Value;
use std::fmt;

/// One entry that is to be added, changed or taken out.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// E.g. `plot type CDC_occupancy`.
    pub subject: String,
    /// JSON before; absent where it is new.
    pub before: Option<Value>,
    /// JSON after; absent where it goes.
    pub after: Option<Value>,
}

impl Change {
    /// The change from `before` to `after`, if there is one.
    pub(super) fn between(
        subject: String,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Option<Self> {
        (before != after).then_some(Self { subject, before, after })
    }
}

/// One line an entry, and below a changed one a line for each of its fields.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let empty = Value::Null;
        let before = self.before.as_ref().unwrap_or(&empty);
        let after = self.after.as_ref().unwrap_or(&empty);
        let sign = match (&self.before, &self.after) {
            (None, _) => '+',
            (_, None) => '-',
            _ => '~',
        };
        write!(f, "{sign} {}", self.subject)?;
        if self.after.is_none() {
            return Ok(());
        }
        let mut keys: Vec<&String> = [before, after]
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(serde_json::Map::keys)
            .filter(|key| *key != "name" && before.get(*key) != after.get(*key))
            .collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            match (before.get(key), after.get(key)) {
                (None, Some(after)) => write!(f, "\n    {key}: {after}")?,
                (Some(before), None) => write!(f, "\n    {key}: {before} -> default")?,
                (Some(before), Some(after)) => write!(f, "\n    {key}: {before} -> {after}")?,
                (None, None) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_shows_each_field_that_moves_and_no_other() {
        let change = Change::between(
            "plot type CDC".into(),
            Some(json!({"name": "CDC", "cadence_s": 300.0, "group": "a", "contact": "x"})),
            Some(json!({"name": "CDC", "cadence_s": 60.0, "group": "a", "labels": ["Good"]})),
        );
        let text = change.unwrap().to_string();
        assert_eq!(
            text,
            "~ plot type CDC\n    cadence_s: 300.0 -> 60.0\n    contact: \"x\" -> default\n    \
             labels: [\"Good\"]"
        );
        let same = Some(json!({"a": 1}));
        assert_eq!(Change::between("x".into(), same.clone(), same), None);
    }
}
