//! Blobs -> pictures that a browser may show: decoded under limits and encoded anew, so that no
//! byte that a stranger sent ever reaches a browser.

use crate::error::{Answer, ApiError};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hydra_proto::ContentHash;
use hydra_vision::{Limits, Map, Workbench, colour::INFERNO, write_rgb_png};
use image::{
    ExtendedColorType, ImageEncoder,
    codecs::png::{CompressionType, FilterType, PngEncoder},
};
use std::{cell::RefCell, sync::Arc};
use tokio::sync::Semaphore;

/// Longest side of an original that is shown.
const MAX_SIDE_PX: u32 = 8_192;
/// Smallest side to which a heat map is drawn, so that browsers need not invent its shape.
const MAP_SIDE_PX: u32 = 256;

thread_local! {
    // Buffers stay from picture to picture.
    static BENCH: RefCell<Workbench> =
        RefCell::new(Workbench::new(Limits { side_px: MAX_SIDE_PX, ..Limits::default() }));
}

/// Makes pictures off the runtime, a bounded number at a time; cheap to clone.
#[derive(Clone)]
pub struct Painter {
    cores: Arc<Semaphore>,
}

impl Painter {
    /// At most `threads` at a time.
    pub fn new(threads: usize) -> Self {
        Self { cores: Arc::new(Semaphore::new(threads.max(1))) }
    }

    async fn paint(
        &self,
        work: impl FnOnce() -> Result<Vec<u8>, ApiError> + Send + 'static,
    ) -> Answer<Bytes> {
        let core = self.cores.clone().acquire_owned().await;
        let core = core.map_err(|_| ApiError::busy("The service is ending."))?;
        let made = tokio::task::spawn_blocking(move || {
            let made = work();
            drop(core);
            made
        });
        match made.await {
            Ok(made) => made.map(Bytes::from),
            Err(panic) => Err(ApiError::inside(&panic)),
        }
    }

    /// A plot as PNG of RGB, whatever it came as.
    pub async fn plot(&self, bytes: Bytes) -> Answer<Bytes> {
        self.paint(move || {
            BENCH.with_borrow_mut(|bench| {
                let picture = bench.open(&bytes).map_err(|_| unreadable())?;
                Ok(write_rgb_png(picture.width(), picture.height(), picture.rgb()))
            })
        })
        .await
    }

    /// A heat map in colour, its weight as opacity, as PNG of RGBA.
    pub async fn heatmap(&self, bytes: Bytes) -> Answer<Bytes> {
        self.paint(move || coloured(&bytes)).await
    }
}

fn unreadable() -> ApiError {
    ApiError::not_found("The stored picture cannot be read.")
}

fn coloured(png: &[u8]) -> Result<Vec<u8>, ApiError> {
    let map = Map::from_png(png).map_err(|_| unreadable())?;
    let scale = MAP_SIDE_PX.div_ceil(map.width().min(map.height()).max(1)).min(16);
    let map = map.resized(map.width() * scale, map.height() * scale);
    let mut rgba = Vec::with_capacity(map.values().len() * 4);
    for value in map.values() {
        let [r, g, b] = INFERNO[usize::from(*value)];
        rgba.extend_from_slice(&[r, g, b, *value]);
    }
    let mut out = Vec::with_capacity(rgba.len() / 8);
    PngEncoder::new_with_quality(&mut out, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&rgba, map.width(), map.height(), ExtendedColorType::Rgba8)
        .map_err(|error| ApiError::inside(&error))?;
    Ok(out)
}

/// What a picture is known by: the blob it was made from, and the way it was made.
pub fn tag(kind: &str, blob: &ContentHash) -> String {
    format!("\"{kind}-{blob}\"")
}

/// Whether the client has it already.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    tags.is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag))
}

/// How long a browser may keep a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Its address is its identity.
    ForEver,
    /// It asks each time, by the tag, whether the picture is still the same.
    Ask,
}

/// A picture, or (without one) word that the client has it.
pub fn send(png: Option<Bytes>, tag: &str, name: &str, keep: Keep) -> Response {
    let status = if png.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED };
    let mut response = (status, png.map_or_else(Body::empty, Body::from)).into_response();
    let headers = response.headers_mut();
    let fixed = [
        (header::CONTENT_TYPE, "image/png"),
        (
            header::CACHE_CONTROL,
            match keep {
                Keep::ForEver => "public, max-age=31536000, immutable",
                Keep::Ask => "public, no-cache",
            },
        ),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Names of plot types hold no quote; what is not ASCII is left out.
    let name: String = name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
    if let Ok(value) = HeaderValue::from_str(&format!("inline; filename=\"{name}.png\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Ok(value) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_polyglot_loses_what_follows_its_picture() {
        let mut sent = write_rgb_png(4, 2, &[9; 24]);
        sent.extend_from_slice(b"<script>alert(1)</script>");
        let shown = Painter::new(1).plot(sent.into()).await.unwrap();
        assert!(!shown.windows(8).any(|w| w == b"<script>"));
        assert_eq!(&shown[..8], b"\x89PNG\r\n\x1a\n");
    }

    #[tokio::test]
    async fn what_is_no_picture_is_not_shown() {
        for bad in [&b"<html><script>"[..], b"", b"GIF89a"] {
            let refused = Painter::new(1).plot(Bytes::copy_from_slice(bad)).await.unwrap_err();
            assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        }
    }

    #[tokio::test]
    async fn a_heat_map_is_clear_where_it_is_cold() {
        let map = Map::from_values(2, 2, vec![0, 255, 0, 0]).unwrap();
        let png = Painter::new(1).heatmap(map.to_png().into()).await.unwrap();
        assert_eq!(&png[1..4], b"PNG");
        assert_eq!(png[25], 6, "RGBA");
    }

    #[test]
    fn a_picture_that_the_client_has_is_not_sent_again() {
        let tag = tag("plot", &ContentHash::of(b"x"));
        let mut headers = HeaderMap::new();
        assert!(!is_known(&headers, &tag));
        headers.insert(header::IF_NONE_MATCH, format!("\"other\", {tag}").parse().unwrap());
        assert!(is_known(&headers, &tag));
        assert_eq!(send(None, &tag, "a\r\nb", Keep::Ask).status(), StatusCode::NOT_MODIFIED);
    }
}
