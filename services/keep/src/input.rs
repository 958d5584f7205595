//! What comes to the queue `keep`: three events.

use hydra_proto::{
    Event, Unreadable,
    event::decode,
    events::{HeatmapMade, Image, ImageInferred, MessageBuried},
};
use hydra_stage::{Input, Message};

/// One message for `keep`.
#[derive(Clone, Debug)]
pub enum KeepIn {
    /// An image with its predictions.
    Inferred(Box<ImageInferred>),
    /// A map that explains a prediction.
    Heatmap(HeatmapMade),
    /// A message that a stage gave up.
    Buried(Box<MessageBuried>),
}

impl Input for KeepIn {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        let (name, body) = (message.type_name.as_str(), message.body.clone());
        match name {
            HeatmapMade::NAME => decode(name, body).map(Self::Heatmap),
            MessageBuried::NAME => decode(name, body).map(|event| Self::Buried(Box::new(event))),
            _ => decode(name, body).map(|event| Self::Inferred(Box::new(event))),
        }
    }

    fn image(&self) -> Option<&Image> {
        match self {
            Self::Inferred(event) => event.image.as_ref(),
            Self::Heatmap(_) => None,
            Self::Buried(event) => event.image.as_ref(),
        }
    }
}
