//! Why an image was not taken, and what that means for whoever brought it.

use hydra_vision::Refused;
use std::error::Error;

/// Why an image is not taken, for good: the same bytes with the same facts are refused again.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A fact that every image needs is not given.
    #[error("{fact} is missing")]
    Missing {
        /// Its name, e.g. `run`.
        fact: &'static str,
    },
    /// A fact is given and makes no sense.
    #[error("{fact} is not valid: {why}")]
    BadFact {
        /// Its name.
        fact: &'static str,
        /// What is wrong with it; foreign text in it is cut and escaped.
        why: String,
    },
    /// A fact has a name that nobody knows, most likely misspelt.
    #[error("{name:?} is no fact of an image; known are {known}")]
    UnknownFact {
        /// As given, cut.
        name: String,
        /// The known names.
        known: String,
    },
    /// The bytes are not an image that is taken.
    #[error(transparent)]
    Image(#[from] Refused),
    /// A file that is not a plain file of its own: a link, a pipe, a device.
    #[error("the file is {what}; only plain files are taken")]
    NotAPlainFile {
        /// What it is.
        what: &'static str,
    },
}

impl Refusal {
    /// A short, fixed word for metrics and answers.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing_fact",
            Self::BadFact { .. } => "bad_fact",
            Self::UnknownFact { .. } => "unknown_fact",
            Self::Image(refused) => refused.kind(),
            Self::NotAPlainFile { .. } => "not_a_plain_file",
        }
    }

    /// The fact that is at fault, where it is one.
    pub fn fact(&self) -> Option<&'static str> {
        match self {
            Self::Missing { fact } | Self::BadFact { fact, .. } => Some(fact),
            _ => None,
        }
    }
}

/// Why an image was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It never will be.
    #[error("refused")]
    Refused(#[from] Refusal),
    /// The store or the broker is away; bring it again later.
    #[error("{what} is away")]
    Away {
        /// `blob store` or `broker`.
        what: &'static str,
        /// What it says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Foreign text for a message or a log: cut to 80 characters, nothing that could pass for
/// another line or colour a terminal.
pub(crate) fn shown(text: &str) -> String {
    let cut: String = text.chars().take(80).collect();
    cut.escape_debug().to_string()
}
