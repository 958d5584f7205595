//! The stage's promises, on a store in memory.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_proto::{
    ContentHash, Event, ModelDigest,
    event::decode,
    events::{Image, ImageIngested, ImageResized},
    registry::{InputShape, PlotType, Registry, Release},
};
use hydra_resize::Resize;
use hydra_stage::{Done, Failure, Stage};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

fn plot() -> Bytes {
    let rgb: Vec<u8> = (0..640 * 400 * 3).map(|i| (i % 251) as u8).collect();
    hydra_vision::write_rgb_png(640, 400, &rgb).into()
}

fn registry(widths: [u32; 2]) -> watch::Receiver<Arc<Registry>> {
    let release = |width| {
        let shape = InputShape { width, height: 64, channels: 3, letterbox: false };
        Some(Release {
            model: ModelDigest::of(b"model"),
            inputs: vec![shape],
            thresholds: HashMap::new(),
        })
    };
    let mut registry = Registry::default();
    let known = PlotType {
        active: release(widths[0]),
        candidate: release(widths[1]),
        ..PlotType::default()
    };
    registry.plot_types.insert("known".parse().unwrap(), known);
    watch::channel(Arc::new(registry)).1
}

fn event(plot_type: &str, content: &ContentHash) -> ImageIngested {
    let image = Image {
        plot_type: plot_type.into(),
        content: content.to_field(),
        run: 7,
        ..Image::default()
    };
    ImageIngested { image: Some(image) }
}

async fn one(stage: &Resize, event: ImageIngested) -> Result<Done, Failure> {
    stage.handle(vec![event]).await.remove(0)
}

fn resized(done: Done) -> ImageResized {
    let [outgoing] = &done.outgoing[..] else { panic!("one event follows: {done:?}") };
    assert_eq!(outgoing.queue, ImageResized::QUEUE);
    decode(outgoing.type_name, outgoing.body.clone()).unwrap()
}

#[tokio::test]
async fn every_wanted_shape_is_made_and_the_thumbnail_is_stored() {
    let blobs = Blobs::in_memory();
    let key = blobs.put(plot()).await.unwrap();
    let stage = Resize::new(blobs.clone(), registry([32, 48]), 1);
    let made = resized(one(&stage, event("known", &key)).await.unwrap());
    assert_eq!((made.width, made.height), (640, 400));
    assert_eq!(made.pixels.iter().map(|p| p.width).collect::<Vec<_>>(), [32, 48]);
    for pixels in &made.pixels {
        let bytes = hydra_vision::unpack(pixels).unwrap();
        assert_eq!(bytes.len(), (pixels.width * pixels.height * pixels.channels) as usize);
    }
    let thumbnail = ContentHash::from_slice(&made.thumbnail).unwrap();
    assert!(blobs.get(&thumbnail).await.unwrap().starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn the_same_bytes_give_the_same_message() {
    let blobs = Blobs::in_memory();
    let key = blobs.put(plot()).await.unwrap();
    let stage = Resize::new(blobs, registry([32, 48]), 1);
    let first = one(&stage, event("known", &key)).await.unwrap();
    assert_eq!(first, one(&stage, event("known", &key)).await.unwrap());
}

#[tokio::test]
async fn a_plot_type_that_nobody_declared_goes_on_without_pixels() {
    let blobs = Blobs::in_memory();
    let key = blobs.put(plot()).await.unwrap();
    let stage = Resize::new(blobs, registry([32, 48]), 1);
    let made = resized(one(&stage, event("never heard of", &key)).await.unwrap());
    assert!(made.pixels.is_empty() && !made.thumbnail.is_empty());
}

#[tokio::test]
async fn a_new_registry_reaches_the_next_image() {
    let blobs = Blobs::in_memory();
    let key = blobs.put(plot()).await.unwrap();
    let (sender, receiver) = watch::channel(registry([32, 32]).borrow().clone());
    let stage = Resize::new(blobs, receiver, 1);
    assert_eq!(resized(one(&stage, event("known", &key)).await.unwrap()).pixels[0].width, 32);
    sender.send_replace(registry([96, 96]).borrow().clone());
    assert_eq!(resized(one(&stage, event("known", &key)).await.unwrap()).pixels[0].width, 96);
}

#[tokio::test]
async fn what_is_no_image_is_refused_with_a_reason() {
    let blobs = Blobs::in_memory();
    let key = blobs.put(Bytes::from_static(b"%PDF-1.7 not a plot")).await.unwrap();
    let stage = Resize::new(blobs, registry([32, 32]), 1);
    let failure = one(&stage, event("known", &key)).await.unwrap_err();
    assert!(
        matches!(failure, Failure::Refused(_)) && failure.chain().contains("PDF"),
        "{failure:?}"
    );
    let unnamed = one(&stage, ImageIngested { image: None }).await.unwrap_err();
    assert!(matches!(unnamed, Failure::Refused(_)));
}

#[tokio::test]
async fn a_missing_original_is_tried_again_and_an_absent_store_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("blobs");
    let url = format!("file://{}", root.display());
    let blobs = Blobs::open(&BlobsConfig { url }).await.unwrap();
    let stage = Resize::new(blobs, registry([32, 32]), 1);
    let key = ContentHash::of(b"nowhere");
    let failure = one(&stage, event("known", &key)).await.unwrap_err();
    assert!(matches!(failure, Failure::Failed(_)), "{failure:?}");
    std::fs::remove_dir_all(&root).unwrap();
    let failure = one(&stage, event("known", &key)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unavailable(_)), "{failure:?}");
}
