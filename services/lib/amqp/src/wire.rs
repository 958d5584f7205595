//! Messages in AMQP's terms and back.

use bytes::Bytes;
use hydra_proto::ContentHash;
use hydra_stage::Message;
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};
use std::collections::BTreeMap;

/// Quorum queues count here how often they delivered a message before.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// Headers that the broker adds. They tell of one delivery, not of the message, and would be
/// published again with it.
const BROKERS: [&str; 5] =
    [DELIVERY_COUNT, "x-acquired-count", "x-death", "x-first-death-", "x-last-death-"];
/// Persistent, see the AMQP 0-9-1 reference, `basic.delivery-mode`.
const PERSISTENT: u8 = 2;

pub(crate) fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in &message.headers {
        if let Ok(name) = ShortString::try_new(name.as_str()) {
            headers.insert(name, AMQPValue::LongString(value.as_str().into()));
        }
    }
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/x-protobuf".into())
        .with_message_id(short(&message.id))
        .with_type(short(&message.type_name))
        .with_headers(headers)
}

/// At most 255 bytes, as AMQP wants; a longer id is replaced by its hash.
fn short(text: &str) -> ShortString {
    ShortString::try_new(text)
        .unwrap_or_else(|_| ContentHash::of(text.as_bytes()).to_string().into())
}

/// The message of a delivery. Headers of all simple types become text; nested ones are left out.
pub(crate) fn message(properties: &BasicProperties, data: Vec<u8>) -> Message {
    let body = Bytes::from(data);
    let id = match properties.message_id() {
        Some(id) if !id.as_str().is_empty() => id.as_str().to_owned(),
        // the same bytes get the same name at every delivery
        _ => ContentHash::of(&body).to_string(),
    };
    let type_name = properties.kind().as_ref().map(|kind| kind.as_str().to_owned());
    let mut headers = BTreeMap::new();
    if let Some(table) = properties.headers() {
        for (name, value) in table.inner() {
            if let Some(value) = header_text(value) {
                headers.insert(name.as_str().to_owned(), value);
            }
        }
    }
    headers.retain(|name, _| !BROKERS.iter().any(|prefix| name.starts_with(prefix)));
    let headers = bounded(headers);
    Message { id, type_name: type_name.unwrap_or_default(), headers, body }
}

/// Headers of a message, at most, and the bytes of their names and values: all of them go into one
/// frame when the message is published again, with the reason of a burial beside them, and a frame
/// above `frame_max` (131,072 bytes) ends the connection of all publishers.
const MOST_HEADERS: usize = 100;
const MOST_HEADER_BYTES: usize = 64 << 10;
/// Says that a producer sent more, and how many.
const CUT: &str = "hydra-headers-cut";

/// As many of the headers as can be sent on, in the order of their names.
fn bounded(mut headers: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let known = headers.remove(CUT);
    let all = headers.len();
    let mut bytes = 0;
    let mut kept: BTreeMap<String, String> = headers
        .into_iter()
        .filter(|(name, value)| {
            let size = name.len() + value.len();
            let fits = bytes + size <= MOST_HEADER_BYTES;
            bytes += if fits { size } else { 0 };
            fits
        })
        .take(MOST_HEADERS)
        .collect();
    let cut = all - kept.len();
    let told = if cut > 0 { Some(format!("{cut} of {all}")) } else { known };
    kept.extend(told.map(|told| (CUT.to_owned(), told)));
    kept
}

/// How often the broker delivered it before.
pub(crate) fn redelivered(delivery: &Delivery) -> u32 {
    let counted = delivery
        .properties
        .headers()
        .as_ref()
        .and_then(|headers| headers.inner().get(DELIVERY_COUNT))
        .and_then(header_text)
        .and_then(|text| text.parse().ok());
    counted.unwrap_or(u32::from(delivery.redelivered))
}

/// Why the broker moved this message to the dead letters the last time, e.g. `delivery_limit`.
pub(crate) fn death_reason(properties: &BasicProperties) -> Option<String> {
    let headers = properties.headers().as_ref()?;
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return None };
    let Some(AMQPValue::FieldTable(latest)) = deaths.as_slice().first() else { return None };
    latest.inner().get("reason").and_then(header_text)
}

fn header_text(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(value) => value.to_string(),
        AMQPValue::ShortShortUInt(value) => value.to_string(),
        AMQPValue::ShortInt(value) => value.to_string(),
        AMQPValue::ShortUInt(value) => value.to_string(),
        AMQPValue::LongInt(value) => value.to_string(),
        AMQPValue::LongUInt(value) => value.to_string(),
        AMQPValue::LongLongInt(value) => value.to_string(),
        AMQPValue::Timestamp(value) => value.to_string(),
        AMQPValue::Float(value) => value.to_string(),
        AMQPValue::Double(value) => value.to_string(),
        AMQPValue::ShortString(value) => value.as_str().to_owned(),
        AMQPValue::LongString(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_translation() {
        let sent = Message {
            id: "a/infer".into(),
            type_name: "hydra.events.v1.ImageResized".into(),
            headers: [("traceparent".to_owned(), "00-1-2-01".to_owned())].into(),
            body: Bytes::from_static(b"body"),
        };
        assert_eq!(message(&properties(&sent), sent.body.to_vec()), sent);
    }

    #[test]
    fn a_header_table_too_large_to_be_sent_on_is_cut_and_says_so() {
        let mut headers = FieldTable::default();
        for i in 0..10_000 {
            headers.insert(format!("z{i:05}").into(), AMQPValue::Boolean(true));
        }
        headers.insert("conditions".into(), AMQPValue::LongString(vec![b'x'; 100_000].into()));
        headers.insert("plot-type".into(), AMQPValue::LongString("CDC".into()));
        headers.insert("run".into(), AMQPValue::LongLongInt(7));
        let properties = BasicProperties::default().with_headers(headers);
        let read = message(&properties, b"png".to_vec());
        assert_eq!(read.headers["plot-type"], "CDC");
        assert_eq!(read.headers["run"], "7");
        assert!(!read.headers.contains_key("conditions"), "it alone is too large");
        assert_eq!(read.headers[CUT], "9903 of 10003");
        let bytes: usize = read.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes < MOST_HEADER_BYTES + 100);
        // and what is sent on is read as it is
        let again = message(&super::properties(&read), b"png".to_vec());
        assert_eq!(again.headers.len(), MOST_HEADERS + 1);
    }

    #[test]
    fn numbers_in_headers_of_other_languages_become_text() {
        let mut headers = FieldTable::default();
        headers.insert("run".into(), AMQPValue::LongLongInt(80464));
        headers.insert("nested".into(), AMQPValue::FieldTable(FieldTable::default()));
        let properties = BasicProperties::default().with_headers(headers);
        let read = message(&properties, b"png".to_vec());
        assert_eq!(read.headers.get("run").map(String::as_str), Some("80464"));
        assert!(!read.headers.contains_key("nested"));
        assert_eq!(read.id.len(), 64, "named by its bytes");
    }

    #[test]
    fn an_id_too_long_for_amqp_is_hashed() {
        let sent = Message { id: "x".repeat(300), ..Message::default() };
        assert_eq!(message(&properties(&sent), Vec::new()).id.len(), 64);
    }
}
