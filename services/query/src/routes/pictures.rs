//! Pictures of an image: thumbnail, original, heat map.

use super::images::missing;
use crate::{
    api,
    app::App,
    error::{Answer, ApiError},
    params::{AtImage, Params},
    pictures::{self, Keep},
};
use axum::{extract::State, http::HeaderMap, response::Response};
use bytes::Bytes;
use hydra_proto::{ContentHash, ImageId, ModelDigest};
use hydra_store::read::{self, Seen};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;

/// Which picture.
pub enum Kind {
    /// The plot in full.
    Original,
    /// That of a card; where there is none, the original stands in.
    Thumbnail,
    /// What weighed for a class.
    Heatmap(HeatmapParams),
}

/// How the blob becomes the picture.
enum Way {
    /// Hydra drew it itself.
    AsItIs,
    Plot,
    Heatmap,
}

/// A picture that was found; nothing is read or drawn yet.
pub struct Found {
    /// What it is known by (RFC 9110, 8.8.3): the blob it is made from, and the way.
    pub tag: String,
    /// Its name as a file, without extension.
    pub name: String,
    keep: Keep,
    blob: ContentHash,
    way: Way,
}

impl Found {
    fn new(kind: &str, blob: ContentHash, way: Way, name: String) -> Self {
        Self { tag: pictures::tag(kind, &blob), name, keep: Keep::ForEver, blob, way }
    }

    /// The picture as PNG, encoded anew.
    ///
    /// # Errors
    /// A problem with status 404 when the blob is no longer stored or cannot be read, 503 when the
    /// blob store does not answer.
    pub async fn png(&self, app: &App) -> Answer<Bytes> {
        let bytes = app.blobs.get(&self.blob).await?;
        match self.way {
            Way::AsItIs => Ok(bytes),
            Way::Plot => app.painter.plot(bytes).await,
            Way::Heatmap => app.painter.heatmap(bytes).await,
        }
    }

    async fn send(self, app: &App, headers: &HeaderMap) -> Answer<Response> {
        let is_known = pictures::is_known(headers, &self.tag);
        let png = if is_known { None } else { Some(self.png(app).await?) };
        Ok(pictures::send(png, &self.tag, &self.name, self.keep))
    }
}

/// Finds a picture of an image.
///
/// # Errors
/// A problem with status 404 when there is no such image or no such heat map.
pub async fn find(app: &App, image: ImageId, kind: Kind) -> Answer<Found> {
    let seen = seen(app, image).await?;
    let name = file_name(app, &seen);
    match (kind, seen.thumbnail) {
        (Kind::Thumbnail, Some(blob)) => Ok(Found::new("thumbnail", blob, Way::AsItIs, name)),
        (Kind::Thumbnail | Kind::Original, _) => {
            Ok(Found::new("plot", seen.content, Way::Plot, name))
        }
        (Kind::Heatmap(params), _) => {
            let blob = heatmap_blob(app, &seen, &params).await?;
            let found = Found::new("heatmap", blob, Way::Heatmap, format!("{name}_heatmap"));
            // Without its hash, or with that of a map that was drawn anew since, the address is no identity.
            let keep = if params.v == Some(blob) { Keep::ForEver } else { Keep::Ask };
            Ok(Found { keep, ..found })
        }
    }
}

/// An image on a card is known already; any other one is looked up.
async fn seen(app: &App, id: ImageId) -> Answer<Arc<Seen>> {
    let board = app.board()?;
    let on_cards = board.cells.iter().flat_map(|cell| &cell.strip);
    if let Some(seen) = on_cards.into_iter().find(|seen| seen.id == id) {
        return Ok(seen.clone());
    }
    let found = read::images_by_id(&app.db, vec![id]).await?.pop();
    found.map(Arc::new).ok_or_else(|| missing(&id))
}

fn file_name(app: &App, seen: &Seen) -> String {
    let board = app.now.board();
    let name = board.by_id(seen.plot_type_id).map(|cell| cell.row.name.to_string());
    let chunk = seen.chunk.map(|chunk| format!("_{chunk:04}")).unwrap_or_default();
    format!("{}_{}{chunk}", name.unwrap_or_default(), seen.run)
}

/// The picture of a card, PNG, at most 320 pixels wide. An image's id holds the hash of its content,
/// and its row is written once: the address is its identity.
#[utoipa::path(get, path = "/api/v1/images/{image}/thumbnail", tag = "images",
    params(("image" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn thumbnail(
    State(app): State<App>,
    image: AtImage,
    headers: HeaderMap,
) -> Answer<Response> {
    find(&app, image.0, Kind::Thumbnail).await?.send(&app, &headers).await
}

/// The plot in full, PNG, encoded anew.
#[utoipa::path(get, path = "/api/v1/images/{image}/original", tag = "images",
    params(("image" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn original(
    State(app): State<App>,
    image: AtImage,
    headers: HeaderMap,
) -> Answer<Response> {
    find(&app, image.0, Kind::Original).await?.send(&app, &headers).await
}

/// Which heat map.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeatmapParams {
    /// The class to explain; that of the verdict, if not given.
    pub label: Option<String>,
    /// Digest of the model; that of the verdict, if not given.
    #[param(value_type = Option<String>)]
    pub model: Option<ModelDigest>,
    /// Hash of the map, as in the addresses that lists give: with it the answer may be kept for
    /// ever, without it one asks again each time.
    #[param(value_type = Option<String>)]
    pub v: Option<ContentHash>,
}

/// A heat map, PNG: coloured (inferno), its weight as opacity, to be laid over the plot.
#[utoipa::path(get, path = "/api/v1/images/{image}/heatmap", tag = "images",
    params(("image" = String, Path, description = "Its id"), HeatmapParams),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn heatmap(
    State(app): State<App>,
    image: AtImage,
    Params(params): Params<HeatmapParams>,
    headers: HeaderMap,
) -> Answer<Response> {
    find(&app, image.0, Kind::Heatmap(params)).await?.send(&app, &headers).await
}

async fn heatmap_blob(app: &App, seen: &Seen, params: &HeatmapParams) -> Answer<ContentHash> {
    let board = app.board()?;
    let said = seen.said.as_ref();
    let label = params.label.as_deref().or(said.map(|said| said.label.as_str()));
    let model = match params.model {
        Some(digest) => {
            let models = board.declared.models.iter();
            models.clone().find(|(_, row)| row.digest == digest).map(|(id, _)| *id)
        }
        None => said.map(|said| said.model_id),
    };
    let maps = read::heatmaps(&app.db, seen.id).await?;
    let map = maps.iter().find(|map| Some(map.model_id) == model && Some(&*map.label) == label);
    map.map(|map| map.map).ok_or_else(|| ApiError::not_found("there is no such heat map"))
}
