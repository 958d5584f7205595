//! The live stream of gRPC: every plot type, then each one that changed.

use super::{Messages, convert};
use crate::{
    app::App,
    error::{Answer, ApiError},
    follow::{Now, card},
};
use futures::{StreamExt, stream};
use hydra_proto::query as pb;
use std::{collections::HashMap, sync::Arc};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};
use tonic::Status;

/// Plot types of a detector, or of all, as they come.
///
/// # Errors
/// A problem with status 503 before the hall was read, and when there are too many streams.
pub fn watch(app: &App, detector: Option<String>) -> Answer<Messages<pb::WatchResponse>> {
    let permit = app.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many live streams; try again"))?;
    // First the subscription, then the state: nothing falls between.
    let changes = BroadcastStream::new(app.now.frames());
    let mut seen = Seen { detector, told: HashMap::new() };
    app.board()?;
    let first = seen.news(&app.now);
    let now = app.now.clone();
    let rest = changes.flat_map(move |change| match change {
        Ok(_) => stream::iter(seen.news(&now)),
        Err(BroadcastStreamRecvError::Lagged(_)) => {
            stream::iter(vec![Err(Status::data_loss("too slow; begin anew"))])
        }
    });
    let all = stream::iter(first).chain(rest).take_until(app.stop.clone().cancelled_owned());
    Ok(Box::pin(all.map(move |item| {
        let _held = &permit;
        item
    })))
}

/// What a watcher was told.
struct Seen {
    detector: Option<String>,
    told: HashMap<i32, pb::PlotType>,
}

impl Seen {
    /// The plot types that are not as they were told.
    fn news(&mut self, now: &Arc<Now>) -> Vec<Result<pb::WatchResponse, Status>> {
        let board = now.board();
        let mut news = Vec::new();
        for cell in &board.cells {
            let detector = board.detector_of(&cell.row);
            if self.detector.as_deref().is_some_and(|wanted| wanted != detector) {
                continue;
            }
            let card = convert::plot_type(card::plot_type(&board, cell));
            if self.told.get(&cell.row.id) != Some(&card) {
                self.told.insert(cell.row.id, card.clone());
                news.push(Ok(pb::WatchResponse { plot_type: Some(card) }));
            }
        }
        news
    }
}
