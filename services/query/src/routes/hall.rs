//! The hall now.

use crate::{api, app::App, error::Answer, follow::card};
use axum::{Json, extract::State};
use hydra_store::now_us;

/// The hall now: run, beam, newest image, news.
#[utoipa::path(get, path = "/api/v1/hall", tag = "hall",
    responses((status = 200, body = api::Hall), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn hall(State(app): State<App>) -> Answer<Json<api::Hall>> {
    let board = app.board()?;
    let tick = card::tick(&board, app.now.read_at_us(), now_us());
    let news = board.declared.news.iter();
    Ok(Json(api::Hall {
        name: app.config.hall.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time_us: tick.server_time_us,
        run: tick.run,
        beam: tick.beam,
        last_image: tick.last_image,
        news: news
            .map(|(text, since_us)| api::News { text: text.clone(), since_us: *since_us })
            .collect(),
        pipeline: tick.pipeline,
        generation: tick.generation,
        version_of_state: tick.version_of_state,
    }))
}
