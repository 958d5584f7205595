//! An event knows its name on the wire, its major version and the queue that it goes to.

use crate::events::*;
use prost::{Message, bytes::Bytes};

/// A message between stages: a past-tense fact.
pub trait Event: Message + Default + Send + Sync + 'static {
    /// Name on the wire, with the major version, e.g. `hydra.events.v1.ImageIngested`.
    const NAME: &'static str;
    /// The queue (= stage) that takes it.
    const QUEUE: &'static str;

    /// The plot image that this event is about, where it has one (for traces and burials).
    fn image(&self) -> Option<&Image>;
}

/// Why bytes from the wire are not the event that was expected. Never worth a retry.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The type name is another event's, or another major version's.
    #[error("message is a {found:?}, this stage reads {expected}")]
    OtherType {
        /// What the reader takes.
        expected: &'static str,
        /// What the message calls itself.
        found: String,
    },
    /// The body is not protobuf of that event.
    #[error("{name} cannot be decoded")]
    Malformed {
        /// The event's name.
        name: &'static str,
        /// What prost says.
        #[source]
        source: prost::DecodeError,
    },
    /// A field that must be there is not, or is not valid.
    #[error("{name} has no valid {field}")]
    MissingField {
        /// The event's name.
        name: &'static str,
        /// The field's name.
        field: &'static str,
    },
}

/// Decodes `body` as `E` after checking the type name that came with it.
///
/// # Errors
/// [`Unreadable`] when the name is another's or the body is not that event.
pub fn decode<E: Event>(type_name: &str, body: Bytes) -> Result<E, Unreadable> {
    if type_name != E::NAME {
        return Err(Unreadable::OtherType {
            expected: E::NAME,
            found: type_name.chars().take(100).collect(),
        });
    }
    E::decode(body).map_err(|source| Unreadable::Malformed { name: E::NAME, source })
}

impl Event for ImageIngested {
    const NAME: &'static str = "hydra.events.v1.ImageIngested";
    const QUEUE: &'static str = "resize";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for ImageResized {
    const NAME: &'static str = "hydra.events.v1.ImageResized";
    const QUEUE: &'static str = "infer";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for ImageInferred {
    const NAME: &'static str = "hydra.events.v1.ImageInferred";
    const QUEUE: &'static str = "keep";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for HeatmapWanted {
    const NAME: &'static str = "hydra.events.v1.HeatmapWanted";
    const QUEUE: &'static str = "gradcam";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for HeatmapMade {
    const NAME: &'static str = "hydra.events.v1.HeatmapMade";
    const QUEUE: &'static str = "keep";
    fn image(&self) -> Option<&Image> {
        None
    }
}

impl Event for MessageBuried {
    const NAME: &'static str = "hydra.events.v1.MessageBuried";
    const QUEUE: &'static str = "keep";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for AlarmChanged {
    const NAME: &'static str = "hydra.events.v1.AlarmChanged";
    const QUEUE: &'static str = "notify";
    fn image(&self) -> Option<&Image> {
        self.image.as_ref()
    }
}

impl Event for TrainingWanted {
    const NAME: &'static str = "hydra.events.v1.TrainingWanted";
    const QUEUE: &'static str = "train";
    fn image(&self) -> Option<&Image> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_the_wire() {
        let sent = HeatmapMade {
            image_id: Bytes::from_static(&[7; 24]),
            plot_type: "CDC_occupancy".into(),
            maximum: 1.5,
            ..Default::default()
        };
        let back: HeatmapMade = decode(HeatmapMade::NAME, sent.encode_to_vec().into()).unwrap();
        assert_eq!(back, sent);
    }

    #[test]
    fn another_events_name_is_refused_before_decoding() {
        let error = decode::<ImageIngested>("hydra.events.v2.ImageIngested", Bytes::new());
        assert!(matches!(error, Err(Unreadable::OtherType { .. })));
    }

    #[test]
    fn a_body_that_is_not_protobuf_is_refused() {
        let error = decode::<ImageIngested>(ImageIngested::NAME, Bytes::from_static(b"\xff\xff"));
        assert!(matches!(error, Err(Unreadable::Malformed { .. })));
    }

    #[test]
    fn unknown_fields_of_a_newer_minor_version_are_ignored() {
        let mut body = HeatmapMade::default().encode_to_vec();
        // field 999, varint 1
        body.extend([0xb8, 0x3e, 0x01]);
        assert!(decode::<HeatmapMade>(HeatmapMade::NAME, body.into()).is_ok());
    }
}
