//! Messages, checked at the door of the database: what passes here fits its columns.

use crate::KeepIn;
use anyhow::anyhow;
use hydra_proto::{
    ContentHash, ImageId, Label, ModelDigest, PlotTypeName,
    events::{self, HeatmapMade, ImageInferred, MessageBuried, Prediction},
};
use hydra_stage::Failure;
use hydra_store::now_us;

/// A producer's clock may be this much ahead of ours; what claims to be later is dated by its
/// arrival, or it would stay the newest image of its plot type for as long.
const AHEAD_US: i64 = 3_600_000_000;

/// A message that can be written.
pub(crate) enum Fact {
    Image(Box<Seen>),
    Heatmap(Box<Map>),
    Buried(Box<MessageBuried>),
}

/// An image with what was said of it.
pub(crate) struct Seen {
    pub id: ImageId,
    pub plot_type: PlotTypeName,
    pub content: ContentHash,
    pub thumbnail: Option<ContentHash>,
    pub taken_us: i64,
    pub arrived_us: i64,
    pub said: Vec<Said>,
    pub event: ImageInferred,
    pub image: events::Image,
}

/// What one model said.
pub(crate) struct Said {
    pub model: ModelDigest,
    pub label: Label,
    pub prediction: Prediction,
}

/// A heat map.
pub(crate) struct Map {
    pub image: ImageId,
    pub model: ModelDigest,
    pub label: Label,
    pub map: ContentHash,
    pub event: HeatmapMade,
}

fn refused(field: &str) -> Failure {
    Failure::Refused(anyhow!("the event has no valid {field}"))
}

/// `text` without what PostgreSQL cannot store, cut to its column.
pub(crate) fn clean(text: &str, max_chars: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(max_chars).collect()
}

impl Fact {
    /// Checks a message.
    pub fn read(message: KeepIn) -> Result<Self, Failure> {
        match message {
            KeepIn::Inferred(event) => Seen::read(*event).map(|seen| Self::Image(Box::new(seen))),
            KeepIn::Heatmap(event) => Map::read(event).map(|map| Self::Heatmap(Box::new(map))),
            KeepIn::Buried(event) => Ok(Self::Buried(event)),
        }
    }

    /// The plot type that must have a row before this can be written.
    pub fn plot_type(&self) -> Option<PlotTypeName> {
        match self {
            Self::Image(seen) => Some(seen.plot_type.clone()),
            Self::Heatmap(_) => None,
            Self::Buried(event) => event.image.as_ref()?.plot_type.parse().ok(),
        }
    }

    /// The models that must have a row, with the labels that they score.
    pub fn models(&self) -> Vec<(ModelDigest, Vec<String>)> {
        match self {
            Self::Image(seen) => seen.said.iter().map(|said| (said.model, said.labels())).collect(),
            Self::Heatmap(map) => vec![(map.model, Vec::new())],
            Self::Buried(_) => Vec::new(),
        }
    }
}

impl Seen {
    fn read(mut event: ImageInferred) -> Result<Self, Failure> {
        let image = event.image.take().ok_or_else(|| refused("image"))?;
        let plot_type: PlotTypeName =
            image.plot_type.parse().map_err(|_| refused("image.plot_type"))?;
        let content =
            ContentHash::from_slice(&image.content).ok_or_else(|| refused("image.content"))?;
        let id = ImageId::from_slice(&image.id).ok_or_else(|| refused("image.id"))?;
        if id != ImageId::of(&plot_type, image.run, image.chunk, &content) {
            return Err(refused("image.id: it does not follow from what the image is"));
        }
        for (field, pixels) in [("width", event.width), ("height", event.height)] {
            i32::try_from(pixels).map_err(|_| refused(field))?;
        }
        let arrived_us = if image.arrived_at_us > 0 { image.arrived_at_us } else { now_us() };
        let plausible = 1..=arrived_us.saturating_add(AHEAD_US);
        let taken = plausible.contains(&image.taken_at_us);
        Ok(Self {
            id,
            plot_type,
            content,
            thumbnail: ContentHash::from_slice(&event.thumbnail),
            taken_us: if taken { image.taken_at_us } else { arrived_us },
            arrived_us,
            said: event.predictions.drain(..).map(Said::read).collect::<Result<_, _>>()?,
            event,
            image,
        })
    }
}

impl Said {
    fn read(prediction: Prediction) -> Result<Self, Failure> {
        let model = ModelDigest::from_slice(&prediction.model)
            .ok_or_else(|| refused("prediction.model"))?;
        let label = prediction.label.parse().map_err(|_| refused("prediction.label"))?;
        let in_range = |p: f32| (0.0..=1.0).contains(&p);
        if !in_range(prediction.confidence) || !in_range(prediction.threshold) {
            return Err(refused("prediction.confidence or threshold: not in [0, 1]"));
        }
        if !prediction.scores.iter().all(|score| in_range(score.probability)) {
            return Err(refused("prediction.scores: not all in [0, 1]"));
        }
        if !prediction.scores.iter().all(|score| score.label.parse::<Label>().is_ok()) {
            return Err(refused("prediction.scores: a label"));
        }
        if prediction.p_value.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err(refused("prediction.p_value: not in [0, 1]"));
        }
        Ok(Self { model, label, prediction })
    }

    fn labels(&self) -> Vec<String> {
        self.prediction.scores.iter().map(|score| score.label.clone()).collect()
    }
}

impl Map {
    fn read(event: HeatmapMade) -> Result<Self, Failure> {
        let image = ImageId::from_slice(&event.image_id).ok_or_else(|| refused("image_id"))?;
        let model = ModelDigest::from_slice(&event.model).ok_or_else(|| refused("model"))?;
        let label = event.label.parse().map_err(|_| refused("label"))?;
        let map = ContentHash::from_slice(&event.map).ok_or_else(|| refused("map"))?;
        if !event.maximum.is_finite() {
            return Err(refused("maximum: not a number"));
        }
        Ok(Self { image, model, label, map, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(taken_at_us: i64) -> events::Image {
        let content = ContentHash::of(b"a plot");
        let id = ImageId::of(&"CDC".parse().unwrap(), 7, Some(1), &content);
        events::Image {
            id: id.to_field(),
            plot_type: "CDC".into(),
            run: 7,
            chunk: Some(1),
            content: content.to_field(),
            taken_at_us,
            arrived_at_us: 1_000_000_000,
            ..Default::default()
        }
    }

    fn read(image: events::Image, predictions: Vec<Prediction>) -> Result<Seen, Failure> {
        Seen::read(ImageInferred { image: Some(image), predictions, ..Default::default() })
    }

    #[test]
    fn a_time_that_cannot_be_is_replaced_by_the_arrival() {
        for (taken, kept) in [
            (900_000_000, 900_000_000),
            (0, 1_000_000_000),
            (-5, 1_000_000_000),
            (i64::MAX, 1_000_000_000),
        ] {
            assert_eq!(read(image(taken), vec![]).unwrap().taken_us, kept, "{taken}");
        }
    }

    #[test]
    fn an_image_must_be_what_its_id_says() {
        let forged = events::Image { run: 8, ..image(1) };
        assert!(matches!(read(forged, vec![]), Err(Failure::Refused(_))));
        assert!(read(image(1), vec![]).is_ok());
    }

    #[test]
    fn f34_infer_nan_never_reaches_a_row() {
        let sound = Prediction {
            model: ModelDigest::of(b"m").to_field(),
            label: "Good".into(),
            confidence: 0.9,
            threshold: 0.5,
            scores: vec![events::Score { label: "Good".into(), probability: 0.9 }],
            ..Default::default()
        };
        assert!(read(image(1), vec![sound.clone()]).is_ok());
        for broken in [
            Prediction { confidence: f32::NAN, ..sound.clone() },
            Prediction { threshold: f32::INFINITY, ..sound.clone() },
            Prediction { p_value: Some(f64::NAN), ..sound.clone() },
            Prediction {
                scores: vec![events::Score { label: "Good".into(), probability: f32::NAN }],
                ..sound
            },
        ] {
            assert!(matches!(read(image(1), vec![broken]), Err(Failure::Refused(_))));
        }
    }

    #[test]
    fn text_is_cut_to_its_column_and_rid_of_nul() {
        assert_eq!(clean("a\0bä", 3), "abä");
        assert_eq!(clean("ääää", 2), "ää");
    }
}
