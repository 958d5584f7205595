//! What is declared of a plot type.

use hydra_proto::{ImageId, Label};
use serde::{Deserialize, Serialize};

/// A number that means nothing here.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InvalidNumber {
    /// Not in [0, 1].
    #[error("{0} is not a fraction from 0 to 1")]
    Fraction(f64),
    /// Not a time that passes.
    #[error("{0} is not a number of seconds above 0")]
    Seconds(f64),
    /// Nothing can be kept for no days.
    #[error("{0} is not a number of days from 1 to 36500")]
    Days(u32),
}

/// A share, in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

impl Fraction {
    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// The value in [0, 1].
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Fraction {
    type Error = InvalidNumber;
    fn try_from(value: f64) -> Result<Self, InvalidNumber> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(InvalidNumber::Fraction(value))
        }
    }
}

impl From<Fraction> for f64 {
    fn from(value: Fraction) -> f64 {
        value.0
    }
}

/// A time, in seconds, above zero.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Seconds(f64);

impl Seconds {
    /// The value.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Seconds {
    type Error = InvalidNumber;
    fn try_from(value: f64) -> Result<Self, InvalidNumber> {
        let sound = value > 0.0 && value.is_finite();
        if sound { Ok(Self(value)) } else { Err(InvalidNumber::Seconds(value)) }
    }
}

impl From<Seconds> for f64 {
    fn from(value: Seconds) -> f64 {
        value.0
    }
}

/// A time, in days, at least one and at most a hundred years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Days(u32);

impl Days {
    /// In microseconds.
    pub fn us(self) -> i64 {
        i64::from(self.0) * 86_400_000_000
    }
}

impl TryFrom<u32> for Days {
    type Error = InvalidNumber;
    fn try_from(value: u32) -> Result<Self, InvalidNumber> {
        if (1..=36_500).contains(&value) {
            Ok(Self(value))
        } else {
            Err(InvalidNumber::Days(value))
        }
    }
}

impl From<Days> for u32 {
    fn from(value: Days) -> u32 {
        value.0
    }
}

/// When a Bad verdict counts as trouble of the detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// From this beam reading on, in the unit of the conditions; the hall's own limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beam_min: Option<f64>,
    /// Bad counts without beam too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
}

/// How long things are kept. Nothing that is labelled, pinned or a reference is ever deleted,
/// and without a number a thing is kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Originals that the collect fraction did not choose; a day if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_collected_days: Option<Days>,
    /// Originals that it did, and those of Bad, Unconfirmed and Novel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originals_days: Option<Days>,
    /// Thumbnails and heat maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails_days: Option<Days>,
    /// The rows: images with all that was said of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_days: Option<Days>,
}

/// When a training job is filed. Each number is a reason of its own, and without any there is
/// none. What comes of the job is a candidate: it predicts in the shadow and is released by people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrain {
    /// A plot type without a model gets one of what is normal from so many Goods on; fifty are
    /// enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin_at_goods: Option<u32>,
    /// So many labels since the active model was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_labels: Option<u32>,
    /// This share of the newest verdicts is not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconfirmed: Option<Fraction>,
    /// So far the newest verdicts are from those that the model gave when it was made, see
    /// [`crate::drift`]; 0.25 is much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Fraction>,
    /// So far the features of the newest plots lie from where Goods in training lay, see
    /// [`crate::drift`]; 0.5 is much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Fraction>,
    /// Fewest days between two jobs; one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
}

impl Retrain {
    /// Nothing is ever trained by itself.
    pub fn is_off(&self) -> bool {
        let Self { begin_at_goods, new_labels, unconfirmed, drift, features, days: _ } = self;
        let counts = [begin_at_goods, new_labels];
        let shares = [unconfirmed, drift, features];
        counts.iter().all(|none| none.is_none()) && shares.iter().all(|none| none.is_none())
    }
}

/// What is declared of a plot type, as the database stores it (JSON). Fields of later versions
/// are passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    /// What experts may say of it; any label if empty.
    pub labels: Vec<Label>,
    /// Labels that mean trouble.
    pub bad_labels: Vec<Label>,
    /// Its data may be the same for several chunks; of any other that means that it is stuck.
    pub may_repeat: bool,
    /// From one image to the next while there is beam; absent where one set a run is drawn.
    pub cadence_s: Option<Seconds>,
    /// Share of the images without trouble whose originals are kept.
    pub collect_fraction: Fraction,
    /// When Bad counts.
    pub gate: Gate,
    /// How long things are kept.
    pub retention: Retention,
    /// When a new model is trained without being asked for.
    pub retrain: Retrain,
    /// Where the pages show it.
    pub group: String,
    /// What to do when it is Bad.
    pub guidance: String,
    /// Whom to call.
    pub contact: String,
    /// How it should look.
    pub reference: Option<ImageId>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            labels: Vec::new(),
            bad_labels: default_bad_labels(),
            may_repeat: false,
            cadence_s: None,
            collect_fraction: Fraction::ALL,
            gate: Gate::default(),
            retention: Retention::default(),
            retrain: Retrain::default(),
            group: String::new(),
            guidance: String::new(),
            contact: String::new(),
            reference: None,
        }
    }
}

/// `Bad`.
pub(super) fn default_bad_labels() -> Vec<Label> {
    vec![Label::BAD.parse().expect("a constant that the tests parse")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bad_means_trouble_unless_declared_otherwise() {
        assert_eq!(Spec::default().bad_labels[0].as_str(), "Bad");
    }

    #[test]
    fn a_spec_survives_the_database_and_unknown_fields_of_a_later_version() {
        let spec = Spec { cadence_s: Some(Seconds(300.0)), ..Default::default() };
        let mut json = serde_json::to_value(&spec).unwrap();
        json["later"] = 1.into();
        assert_eq!(serde_json::from_value::<Spec>(json).unwrap(), spec);
        assert_eq!(serde_json::from_str::<Spec>("{}").unwrap(), Spec::default());
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        assert!(Fraction::try_from(1.5).is_err() && Fraction::try_from(f64::NAN).is_err());
        assert!(Seconds::try_from(0.0).is_err() && Seconds::try_from(f64::INFINITY).is_err());
        assert!(Days::try_from(0).is_err());
    }
}
