//! Dead letters: looked at, sent again, or thrown away, by people.

use crate::{
    link::Link,
    publish::Publisher,
    topology::{self, WORK, dead_queue},
    wire,
};
use anyhow::Context;
use hydra_stage::{
    Message,
    message::{ATTEMPT, BURIED_AT, ERROR, REASON},
};
use lapin::{
    Channel, Error,
    message::BasicGetMessage,
    options::{BasicAckOptions, BasicGetOptions},
    protocol::AMQPSoftError,
};

/// One message that was given up.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The stage that could not do it.
    pub stage: String,
    /// The message, with its bytes.
    pub message: Message,
    /// Short reason: the runner's, or the broker's (`delivery_limit`, `expired`, ...).
    pub reason: String,
    /// The error chain, empty where the broker buried it.
    pub error: String,
}

/// What happens to a dead letter after a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stay,
    Replay,
    Drop,
}

/// The dead letters of a hall.
pub struct DeadLetters<'a> {
    link: Link,
    publisher: &'a Publisher,
}

impl<'a> DeadLetters<'a> {
    pub(crate) fn new(link: Link, publisher: &'a Publisher) -> Self {
        Self { link, publisher }
    }

    /// Up to `limit` dead letters of `stage`, oldest first; they stay where they are.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn list(&self, stage: &str, limit: usize) -> anyhow::Result<Vec<DeadLetter>> {
        self.walk(stage, limit, |_| Fate::Stay).await
    }

    /// Sends those for which `wanted` holds to their stage again, with a clean count. Each is
    /// confirmed there before it leaves the dead letters.
    ///
    /// # Errors
    /// As [`Self::list`]; what was not yet sent stays.
    pub async fn replay(
        &self,
        stage: &str,
        wanted: impl Fn(&DeadLetter) -> bool,
    ) -> anyhow::Result<Vec<DeadLetter>> {
        let choose = |letter: &DeadLetter| if wanted(letter) { Fate::Replay } else { Fate::Stay };
        self.walk(stage, usize::MAX, choose).await
    }

    /// Throws those for which `wanted` holds away.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn drop_letters(
        &self,
        stage: &str,
        wanted: impl Fn(&DeadLetter) -> bool,
    ) -> anyhow::Result<Vec<DeadLetter>> {
        let choose = |letter: &DeadLetter| if wanted(letter) { Fate::Drop } else { Fate::Stay };
        self.walk(stage, usize::MAX, choose).await
    }

    /// Ends the connection.
    pub async fn close(self) {
        self.link.close().await;
    }

    /// Takes every letter that is there now once, without settling it, so that each is seen once
    /// and in order; those that stay go back when the channel closes.
    async fn walk(
        &self,
        stage: &str,
        limit: usize,
        fate: impl Fn(&DeadLetter) -> Fate,
    ) -> anyhow::Result<Vec<DeadLetter>> {
        let connection = self.link.connection().await?;
        let channel = connection.create_channel().await?;
        let chosen = self.visit(&channel, stage, limit, fate).await;
        channel.close(200, "done".into()).await.ok();
        chosen
    }

    async fn visit(
        &self,
        channel: &Channel,
        stage: &str,
        limit: usize,
        fate: impl Fn(&DeadLetter) -> Fate,
    ) -> anyhow::Result<Vec<DeadLetter>> {
        let queue = dead_queue(stage);
        let mut chosen = Vec::new();
        // what is buried while we walk is not part of the walk: a replayed message that fails
        // again at once would keep it going for ever
        let mut left = None;
        while left != Some(0) && chosen.len() < limit {
            let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
            // a stage that never ran has no queue, and gave nothing up
            let nothing = |e: &Error| matches!(topology::soft(e), Some(AMQPSoftError::NOTFOUND));
            if got.as_ref().is_err_and(nothing) {
                break;
            }
            let Some(got) = got.with_context(|| format!("reading {queue}"))? else { break };
            left = Some(left.unwrap_or(got.message_count + 1) - 1);
            let acker = got.delivery.acker.clone();
            let letter = read(stage, got);
            match fate(&letter) {
                Fate::Stay => {
                    if limit < usize::MAX {
                        chosen.push(letter);
                    }
                    continue;
                }
                Fate::Replay => {
                    let message = revived(letter.message.clone());
                    self.publisher.send(WORK, stage, &message, true).await?;
                }
                Fate::Drop => {}
            }
            acker.ack(BasicAckOptions::default()).await?;
            chosen.push(letter);
        }
        Ok(chosen)
    }
}

/// The message as it was before its failures.
fn revived(mut message: Message) -> Message {
    let ours = [ATTEMPT, REASON, ERROR, BURIED_AT];
    message.headers.retain(|name, _| !ours.contains(&name.as_str()));
    message
}

fn read(stage: &str, got: BasicGetMessage) -> DeadLetter {
    let by_broker = wire::death_reason(&got.delivery.properties);
    let message = wire::message(&got.delivery.properties, got.delivery.data);
    let header = |name: &str| message.headers.get(name).cloned();
    let reason = header(REASON).or(by_broker).unwrap_or_else(|| "unknown".to_owned());
    let error = header(ERROR).unwrap_or_default();
    DeadLetter { stage: stage.to_owned(), message, reason, error }
}
