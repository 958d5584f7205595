//! Names and numbers that are checked once, at the door, and trusted inside.

use serde::{Deserialize, Serialize};
use std::{fmt, marker::PhantomData, str::FromStr};

/// Why a name or number was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing there.
    #[error("{what} is empty")]
    Empty {
        /// What was to be named.
        what: &'static str,
    },
    /// Longer than the column or the header that must hold it.
    #[error("{what} is {len} bytes long, at most {max} are allowed")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The limit in bytes.
        max: usize,
    },
    /// A character that has no place in a name.
    #[error("{what} {text:?} holds {found:?}; allowed are letters, digits, space and {allowed}")]
    Character {
        /// What was to be named.
        what: &'static str,
        /// The text, cut to 80 characters.
        text: String,
        /// The first character that is not allowed.
        found: char,
        /// What is allowed beside letters, digits and inner spaces.
        allowed: &'static str,
    },
    /// Spaces at an end, or a name that is only dots.
    #[error("{what} {text:?} starts or ends with a space or a dot")]
    Edge {
        /// What was to be named.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// Not a number in [0, 1].
    #[error("threshold {text} is not a number from 0 to 1")]
    Threshold {
        /// The number as text.
        text: String,
    },
}

const PUNCTUATION: &str = "_ - + . : ( ) # & , =";

fn check(what: &'static str, text: &str, max: usize) -> Result<(), InvalidName> {
    if text.is_empty() {
        return Err(InvalidName::Empty { what });
    }
    if text.len() > max {
        return Err(InvalidName::TooLong { what, len: text.len(), max });
    }
    if let Some(found) =
        text.chars().find(|c| !(c.is_alphanumeric() || " _-+.:()#&,=".contains(*c)))
    {
        let text = text.chars().take(80).collect();
        return Err(InvalidName::Character { what, text, found, allowed: PUNCTUATION });
    }
    if text.starts_with([' ', '.']) || text.ends_with([' ', '.']) {
        return Err(InvalidName::Edge { what, text: text.into() });
    }
    Ok(())
}

/// What sort of thing a [`Name`] names: how errors call it and how long it may be.
pub trait Kind: Clone {
    /// As errors call it.
    const WHAT: &'static str;
    /// In bytes.
    const MAX_LEN: usize;
}

/// Kind of [`PlotTypeName`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PlotTypeKind;
/// Kind of [`Label`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LabelKind;

impl Kind for PlotTypeKind {
    const WHAT: &'static str = "plot type";
    const MAX_LEN: usize = 128;
}
impl Kind for LabelKind {
    const WHAT: &'static str = "label";
    const MAX_LEN: usize = 48;
}

/// Text that was checked when it came in: letters, digits, inner spaces and a little
/// punctuation. No slash, so it can never be a path; no bracket or quote, so never markup.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name<K: Kind>(String, PhantomData<K>);

/// A plot type, e.g. `CDC_occupancy` or `Faraday Cup`; at most 128 bytes.
pub type PlotTypeName = Name<PlotTypeKind>;
/// What an expert or a model says of a plot, e.g. `Good`, `HotChannel`; at most 48 bytes.
pub type Label = Name<LabelKind>;

impl<K: Kind> Name<K> {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K: Kind> fmt::Display for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K: Kind> fmt::Debug for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<K: Kind> TryFrom<String> for Name<K> {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        check(K::WHAT, &text, K::MAX_LEN)?;
        Ok(Self(text, PhantomData))
    }
}

impl<K: Kind> FromStr for Name<K> {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.to_owned().try_into()
    }
}

impl<K: Kind> From<Name<K>> for String {
    fn from(name: Name<K>) -> String {
        name.0
    }
}

impl Label {
    /// The plot is as it should be.
    pub const GOOD: &'static str = "Good";
    /// The plot shows a problem.
    pub const BAD: &'static str = "Bad";
    /// Counts as Good.
    pub const ACCEPTABLE: &'static str = "Acceptable";
    /// Left out of training and evaluation.
    pub const IGNORE: &'static str = "Ignore";
    /// The plot is empty.
    pub const NO_DATA: &'static str = "NoData";

    /// Whether this label means that the detector is well.
    pub fn counts_as_good(&self) -> bool {
        matches!(self.as_str(), Self::GOOD | Self::ACCEPTABLE)
    }
}

/// The least confidence at which a verdict counts as confirmed, in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Threshold(f32);

impl Threshold {
    /// Confirms a label that a release has no threshold for.
    pub const DEFAULT: Self = Self(0.5);

    /// The value in [0, 1].
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Threshold {
    type Error = InvalidName;
    fn try_from(value: f32) -> Result<Self, InvalidName> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(InvalidName::Threshold { text: value.to_string() })
        }
    }
}

impl From<Threshold> for f32 {
    fn from(value: Threshold) -> f32 {
        value.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_halls_use_are_taken() {
        for good in ["CDC_occupancy", "Faraday Cup", "RF_selftiming-02", "HTCC (ADC)", "ÅÄÖ", "x"]
        {
            assert_eq!(good.parse::<PlotTypeName>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn names_that_could_be_paths_markup_or_control_are_refused() {
        for bad in [
            "",
            " x",
            "x ",
            ".",
            "..",
            "../x",
            "a/b",
            "a\\b",
            "a\nb",
            "a\0b",
            "<script>",
            "a'b",
            "a\"b",
            "a;b",
            "a|b",
            "%2e%2e%2f",
            "\u{202e}x",
        ] {
            assert!(bad.parse::<PlotTypeName>().is_err(), "{bad:?}");
        }
        assert!("x".repeat(129).parse::<PlotTypeName>().is_err());
    }

    #[test]
    fn a_threshold_is_a_number_from_0_to_1() {
        assert!(Threshold::try_from(0.5).is_ok());
        for bad in [f32::NAN, -0.1, 1.1, f32::INFINITY] {
            assert!(Threshold::try_from(bad).is_err());
        }
    }

    #[test]
    fn acceptable_counts_as_good() {
        let counts = |s: &str| s.parse::<Label>().unwrap().counts_as_good();
        assert!(counts("Good") && counts("Acceptable") && !counts("Bad") && !counts("NoData"));
    }
}
