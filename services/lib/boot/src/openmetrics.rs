//! Prometheus' text format + exemplars -> OpenMetrics, which alone has a place for exemplars.
//!
//! The exporter of metrics writes the text format. OpenMetrics 1.0 differs in four points: a
//! counter's family is named without `_total`, bounds of buckets are written as floating point
//! numbers, a bucket may end with ` # {labels} value time`, and the last line says that it is one.

use hydra_stage::exemplar::{Exemplar, Exemplars};
use std::{fmt::Write as _, time::UNIX_EPOCH};

/// The type of what [`render`] makes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether a client that sends this `Accept` reads OpenMetrics.
pub(crate) fn is_read_by(accept: &str) -> bool {
    accept.split(',').any(|kind| {
        let name = kind.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("application/openmetrics-text")
    })
}

/// `text`, in Prometheus' text format, as OpenMetrics.
pub(crate) fn render(text: &str, exemplars: &Exemplars) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(described) = line.strip_prefix("# ") {
            describe(&mut out, described);
            continue;
        }
        match bucket_of(line) {
            Some(bucket) => bucket.write(&mut out, exemplars),
            None => {
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

/// `TYPE name kind`, or `HELP name words`.
fn describe(out: &mut String, described: &str) {
    let mut words = described.splitn(3, ' ').map(str::trim_end);
    let mut next = || words.next().unwrap_or_default();
    let (what, name, rest) = (next(), next(), next());
    let family = name.strip_suffix("_total");
    let (name, rest) = match (rest, family) {
        ("counter", Some(family)) => (family, rest),
        // by its name it is none
        ("counter", None) => (name, "unknown"),
        _ if what == "HELP" => (family.unwrap_or(name), rest),
        _ => (name, rest),
    };
    // writing to a string does not fail
    let _ = writeln!(out, "# {what} {name} {rest}");
}

/// One line of a histogram's buckets.
struct Bucket<'a> {
    metric: &'a str,
    /// All labels but the bound.
    labels: Vec<(&'a str, &'a str)>,
    bound: &'a str,
    count: &'a str,
}

/// `line` as a bucket, if it is one.
fn bucket_of(line: &str) -> Option<Bucket<'_>> {
    let (name, rest) = line.split_once('{')?;
    let metric = name.strip_suffix("_bucket")?;
    let (inside, count) = rest.rsplit_once('}')?;
    let mut labels = labels_of(inside)?;
    let at = labels.iter().position(|(name, _)| *name == "le")?;
    let (_, bound) = labels.remove(at);
    Some(Bucket { metric, labels, bound, count: count.trim() })
}

/// `a="x",b="y"` as pairs, with the values as they are escaped.
fn labels_of(mut inside: &str) -> Option<Vec<(&str, &str)>> {
    let mut labels = Vec::new();
    while !inside.is_empty() {
        let (name, rest) = inside.split_once("=\"")?;
        let bytes = rest.as_bytes();
        let mut end = 0;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        labels.push((name, &rest[..end]));
        inside = rest[end + 1..].trim_start_matches(',');
    }
    Some(labels)
}

impl Bucket<'_> {
    fn write(&self, out: &mut String, exemplars: &Exemplars) {
        let bound = match self.bound.parse::<f64>() {
            Ok(bound) if bound.is_finite() => format!("{bound:?}"),
            _ => "+Inf".to_owned(),
        };
        // writing to a string does not fail
        let _ = write!(out, "{}_bucket{{", self.metric);
        for (name, value) in &self.labels {
            let _ = write!(out, "{name}=\"{value}\",");
        }
        let _ = write!(out, "le=\"{bound}\"}} {}", self.count);
        let stage = self.labels.iter().find(|(name, _)| *name == "stage");
        let bound = bound.parse().unwrap_or(f64::INFINITY);
        let found = stage.and_then(|(_, stage)| exemplars.of(self.metric, stage, bound));
        if let Some(Exemplar { trace_id, value_s, at }) = found {
            let at_s = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
            let _ = write!(out, " # {{trace_id=\"{trace_id}\"}} {value_s:?} {at_s:.3}");
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_stage::exemplar::Measured;
    use std::time::Duration;

    #[test]
    fn who_names_openmetrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1";
        assert!(is_read_by(prometheus));
        for other in ["", "*/*", "text/plain; version=0.0.4", "application/json"] {
            assert!(!is_read_by(other), "{other}");
        }
    }

    #[test]
    fn the_text_format_becomes_openmetrics_with_exemplars_at_their_buckets() {
        let text = "\
# HELP hydra_messages_total Messages.
# TYPE hydra_messages_total counter
hydra_messages_total{stage=\"keep\",outcome=\"done\"} 3

# TYPE hydra_odd counter
hydra_odd 1
# TYPE hydra_in_flight gauge
hydra_in_flight{stage=\"a \\\"}, le=\\\\\"} 0

# TYPE hydra_lag_seconds histogram
hydra_lag_seconds_bucket{stage=\"keep\",le=\"0.5\"} 1
hydra_lag_seconds_bucket{stage=\"keep\",le=\"1\"} 2
hydra_lag_seconds_bucket{stage=\"keep\",le=\"+Inf\"} 2
hydra_lag_seconds_sum{stage=\"keep\"} 1.1
hydra_lag_seconds_count{stage=\"keep\"} 2
";
        let mut exemplars = Exemplars::default();
        let at = UNIX_EPOCH + Duration::from_millis(1_700_000_000_500);
        let exemplar = Exemplar { trace_id: "ab".repeat(16), value_s: 0.75, at };
        exemplars.note(Measured::Lag, "keep", exemplar);
        let told = format!(" # {{trace_id=\"{}\"}} 0.75 1700000000.500", "ab".repeat(16));
        let wanted = format!(
            "\
# HELP hydra_messages Messages.
# TYPE hydra_messages counter
hydra_messages_total{{stage=\"keep\",outcome=\"done\"}} 3
# TYPE hydra_odd unknown
hydra_odd 1
# TYPE hydra_in_flight gauge
hydra_in_flight{{stage=\"a \\\"}}, le=\\\\\"}} 0
# TYPE hydra_lag_seconds histogram
hydra_lag_seconds_bucket{{stage=\"keep\",le=\"0.5\"}} 1
hydra_lag_seconds_bucket{{stage=\"keep\",le=\"1.0\"}} 2{told}
hydra_lag_seconds_bucket{{stage=\"keep\",le=\"+Inf\"}} 2
hydra_lag_seconds_sum{{stage=\"keep\"}} 1.1
hydra_lag_seconds_count{{stage=\"keep\"}} 2
# EOF
"
        );
        assert_eq!(render(text, &exemplars), wanted);
    }
}
