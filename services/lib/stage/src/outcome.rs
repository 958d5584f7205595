//! What a stage says of one message. The runner alone turns it into an effect.

use crate::Outgoing;

/// The work is done; these events follow from it.
#[derive(Debug, Default, PartialEq)]
pub struct Done {
    /// Published with confirm before the input is acknowledged.
    pub outgoing: Vec<Outgoing>,
    /// Nothing was to be done, the message was a repetition. Counted apart.
    pub duplicate: bool,
    /// People will look at what came out, so the trace is kept.
    pub notable: bool,
}

impl Done {
    /// Done, and nothing follows.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Done, with these events.
    pub fn with(outgoing: Vec<Outgoing>) -> Self {
        Self { outgoing, ..Self::default() }
    }

    /// Seen before; nothing changed.
    pub fn duplicate() -> Self {
        Self { duplicate: true, ..Self::default() }
    }

    /// The same, with a trace that is kept.
    #[must_use]
    pub fn notable(self) -> Self {
        Self { notable: true, ..self }
    }
}

/// Why the work could not be done, sorted by what must happen next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The message itself is wrong and always will be. It is buried at once.
    #[error("refused")]
    Refused(#[source] anyhow::Error),
    /// Might go better another time. Retried with back-off, then buried.
    #[error("failed")]
    Failed(#[source] anyhow::Error),
    /// Something that every message needs is away (database, store). The stage waits for it,
    /// holding what it has and taking no more; no attempt is counted.
    #[error("unavailable")]
    Unavailable(#[source] anyhow::Error),
}

impl Failure {
    /// The whole chain, outermost first, for people.
    pub fn chain(&self) -> String {
        let (Self::Refused(error) | Self::Failed(error) | Self::Unavailable(error)) = self;
        format!("{error:#}")
    }
}
