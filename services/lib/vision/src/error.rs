//! Why bytes are not taken. All of it is permanent: the same bytes are refused again.

use crate::Format;

/// Why an image is refused; the message names the thing and its measure.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No bytes at all.
    #[error("image is empty (0 bytes)")]
    Empty,
    /// More bytes than allowed.
    #[error("image has {size_bytes} bytes, at most {max_bytes} are allowed")]
    TooManyBytes {
        /// Its size.
        size_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Not one of the formats that are taken, whatever its name says.
    #[error("image is {looks_like}; PNG, JPEG and GIF are taken")]
    OtherFormat {
        /// What the first bytes look like.
        looks_like: &'static str,
    },
    /// The bytes end before the image does: half-written, or cut on the way.
    #[error("{format} is cut off after {size_bytes} bytes: {missing}")]
    Truncated {
        /// What it is.
        format: Format,
        /// Bytes that are there.
        size_bytes: usize,
        /// What is not.
        missing: &'static str,
    },
    /// Too many pixels.
    #[error(
        "{format} is {width}x{height} pixels, at most {max_side}x{max_side} and {max_area} in all are allowed"
    )]
    TooManyPixels {
        /// What it is.
        format: Format,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// The limit of each side.
        max_side: u32,
        /// The limit of their product, for this kind of file.
        max_area: u64,
    },
    /// A kind of file within the format that is not taken.
    #[error("{format} is of a kind that is not taken: {what}")]
    Unsupported {
        /// What it is.
        format: Format,
        /// The kind, e.g. "CMYK colours".
        what: String,
    },
    /// The bytes break the format's rules.
    #[error("{format} is damaged: {what}")]
    Damaged {
        /// What it is.
        format: Format,
        /// Which rule.
        what: String,
    },
}

impl Refused {
    /// A short, fixed word for metrics and tables.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooManyBytes { .. } => "too_many_bytes",
            Self::OtherFormat { .. } => "other_format",
            Self::Truncated { .. } => "truncated",
            Self::TooManyPixels { .. } => "too_many_pixels",
            Self::Unsupported { .. } => "unsupported",
            Self::Damaged { .. } => "damaged",
        }
    }
}

/// Why packed pixels of a message are not what they say.
#[derive(Debug, thiserror::Error)]
pub enum BadPixels {
    /// No such input exists.
    #[error(
        "pixels are {width}x{height}x{channels}: sides from 1 to 4096 and 1 or 3 channels are possible"
    )]
    Shape {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Channels.
        channels: u32,
    },
    /// The packed bytes do not unpack to the declared size.
    #[error("pixels do not unpack to the {expected_bytes} bytes of {width}x{height}x{channels}")]
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Channels.
        channels: u32,
        /// width times height times channels.
        expected_bytes: usize,
    },
}
