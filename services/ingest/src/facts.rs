//! What a producer says of an image, as text -> checked values.

use crate::refusal::{Refusal, shown};
use hydra_proto::{InvalidName, PlotTypeName};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Every fact's name, as an AMQP header has it; HTTP headers put `Hydra-` in front.
pub const NAMES: [&str; 7] =
    ["plot-type", "run", "run-period", "chunk", "taken-at", "source", "conditions"];

/// Bytes of the conditions, at most.
const MAX_CONDITIONS_BYTES: usize = 8 << 10;
/// Bytes of a short text, at most.
const MAX_TEXT_BYTES: usize = 200;
/// 2000-01-01 and 2100-01-01 in seconds since 1970: a plot drawn outside is a producer's mistake
/// of unit or clock.
const YEARS_S: std::ops::Range<i64> = 946_684_800..4_102_444_800;

/// What is known of an image beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which plot it is.
    pub plot_type: PlotTypeName,
    /// Run number.
    pub run: u32,
    /// E.g. `RunPeriod-2021-08`; empty when not given.
    pub run_period: String,
    /// Which set of the run; `None` where a hall draws one set a run.
    pub chunk: Option<u32>,
    /// When it was drawn, microseconds since 1970 UTC; `None` means when it arrives.
    pub taken_at_us: Option<i64>,
    /// Who sends it; empty when not given.
    pub source: String,
    /// A JSON object in one line; empty when not given.
    pub conditions_json: String,
}

impl Facts {
    /// Reads facts from `texts` by their [`NAMES`]; other keys are passed over. Empty text is
    /// like none.
    ///
    /// # Errors
    /// A [`Refusal`] that names the fact.
    pub fn read(texts: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let given = |fact: &str| texts.get(fact).map(|text| text.trim()).filter(|t| !t.is_empty());
        let needed = |fact| given(fact).ok_or(Refusal::Missing { fact });
        Ok(Self {
            plot_type: plot_type(needed("plot-type")?)?,
            run: number("run", needed("run")?)?,
            run_period: text("run-period", given("run-period"))?,
            chunk: given("chunk").map(|text| number("chunk", text)).transpose()?,
            taken_at_us: given("taken-at").map(taken_at_us).transpose()?,
            source: text("source", given("source"))?,
            conditions_json: given("conditions").map(conditions).transpose()?.unwrap_or_default(),
        })
    }
}

impl Facts {
    /// As text by their [`NAMES`], as a producer says them.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let all = [
            ("plot-type", self.plot_type.to_string()),
            ("run", self.run.to_string()),
            ("run-period", self.run_period.clone()),
            ("chunk", self.chunk.map(|chunk| chunk.to_string()).unwrap_or_default()),
            ("taken-at", self.taken_at_us.map(|us| us.to_string()).unwrap_or_default()),
            ("source", self.source.clone()),
            ("conditions", self.conditions_json.clone()),
        ];
        let given = all.into_iter().filter(|(_, text)| !text.is_empty());
        given.map(|(name, text)| (name.to_owned(), text)).collect()
    }
}

/// A plot type's name, checked.
pub(crate) fn plot_type(text: &str) -> Result<PlotTypeName, Refusal> {
    let bad = |error: InvalidName| Refusal::BadFact { fact: "plot-type", why: error.to_string() };
    text.parse().map_err(bad)
}

fn number(fact: &'static str, text: &str) -> Result<u32, Refusal> {
    // `parse` alone would take a sign.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let why = format!("\"{}\" is not a whole number below 2^32", shown(text));
        Refusal::BadFact { fact, why }
    })
}

fn text(fact: &'static str, given: Option<&str>) -> Result<String, Refusal> {
    let text = given.unwrap_or_default();
    if text.len() > MAX_TEXT_BYTES {
        let why = format!("it has {} bytes, at most {MAX_TEXT_BYTES} are allowed", text.len());
        return Err(Refusal::BadFact { fact, why });
    }
    if text.chars().any(char::is_control) {
        let why = format!("\"{}\" holds a control character", shown(text));
        return Err(Refusal::BadFact { fact, why });
    }
    Ok(text.to_owned())
}

/// RFC 3339, or microseconds since 1970 UTC.
fn taken_at_us(text: &str) -> Result<i64, Refusal> {
    let parsed = text.parse().ok().or_else(|| {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000).ok()
    });
    parsed.filter(|us: &i64| YEARS_S.contains(&us.div_euclid(1_000_000))).ok_or_else(|| {
        let why = format!(
            "\"{}\" is neither a time like 2026-11-23T18:00:00Z nor microseconds since 1970, \
             between the years 2000 and 2100",
            shown(text)
        );
        Refusal::BadFact { fact: "taken-at", why }
    })
}

/// A JSON object, on one line.
fn conditions(text: &str) -> Result<String, Refusal> {
    let bad = |why: String| Refusal::BadFact { fact: "conditions", why };
    if text.len() > MAX_CONDITIONS_BYTES {
        let why = format!("{} bytes, at most {MAX_CONDITIONS_BYTES} are allowed", text.len());
        return Err(bad(why));
    }
    let object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| bad(format!("not a JSON object: {}", shown(&error.to_string()))))?;
    Ok(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(facts: &[(&str, &str)]) -> Result<Facts, Refusal> {
        let mut texts: BTreeMap<String, String> =
            [("plot-type", "CDC_occupancy"), ("run", "80464")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into();
        texts.extend(facts.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        Facts::read(&texts)
    }

    #[test]
    fn all_facts_are_read() {
        let facts = with(&[
            ("run-period", "RunPeriod-2021-08"),
            ("chunk", "0037"),
            ("taken-at", "2021-08-23T10:11:12.5-04:00"),
            ("source", "rsai on gluon47"),
            ("conditions", "{\"beam_na\": 150.5,\n \"target\": \"LH2\"}"),
            ("content-type", "image/png"),
        ])
        .unwrap();
        assert_eq!((facts.run, facts.chunk), (80464, Some(37)));
        assert_eq!(facts.taken_at_us, Some(1_629_727_872_500_000));
        assert_eq!(facts.conditions_json, r#"{"beam_na":150.5,"target":"LH2"}"#);
        assert_eq!(
            with(&[("taken-at", "1629727872500000")]).unwrap().taken_at_us,
            facts.taken_at_us
        );
    }

    #[test]
    fn what_is_not_given_is_empty() {
        let facts = with(&[("chunk", ""), ("source", "  ")]).unwrap();
        assert_eq!((facts.chunk, facts.taken_at_us), (None, None));
        assert!(facts.source.is_empty() && facts.conditions_json.is_empty());
    }

    #[test]
    fn missing_facts_are_named() {
        for fact in ["plot-type", "run"] {
            let refusal = with(&[(fact, " ")]).unwrap_err();
            assert_eq!((refusal.kind(), refusal.fact()), ("missing_fact", Some(fact)));
        }
    }

    #[test]
    fn nonsense_is_refused_and_named() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let deep_but_short = format!("{{\"a\":{}1{}}}", "[".repeat(3000), "]".repeat(3000));
        let long = "x".repeat(10_000);
        for (fact, text) in [
            ("plot-type", "../../etc/passwd"),
            ("plot-type", "<script>"),
            ("plot-type", "a\nb"),
            ("plot-type", &long),
            ("run", "-1"),
            ("run", "+1"),
            ("run", "1e3"),
            ("run", "4294967296"),
            ("run", "99999999999999999999"),
            ("run", "NaN"),
            ("run", "0x10"),
            ("chunk", "1.5"),
            ("chunk", "\u{663}"),
            ("run-period", "a\0b"),
            ("run-period", &long),
            ("source", "a\u{1b}[31mb"),
            ("taken-at", "yesterday"),
            ("taken-at", "1629727872"),
            ("taken-at", "-1"),
            ("taken-at", "9223372036854775807"),
            ("taken-at", "9999-12-31T23:59:59Z"),
            ("conditions", "[]"),
            ("conditions", "null"),
            ("conditions", "{\"a\":NaN}"),
            ("conditions", "{\"a\":1e999}"),
            ("conditions", "{"),
            ("conditions", &deep),
            ("conditions", &deep_but_short),
            ("conditions", &long),
        ] {
            let refusal = with(&[(fact, text)]).unwrap_err();
            assert_eq!(refusal.fact(), Some(fact), "{:.60}", text);
            let message = refusal.to_string();
            assert!(message.starts_with(fact) && message.len() < 400, "{message}");
            assert!(!message.contains(char::is_control), "{message:?}");
        }
    }
}
