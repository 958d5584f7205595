//! Pictures: what a browser may show and keep for ever, and nothing that a stranger sent.

use crate::hall::{Fact, Served, on_each, problem};
use hydra_vision::{Limits, Workbench};
use reqwest::{Response, header::HeaderMap};

/// How a browser may keep what is its own identity, and what it must ask for again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK: &str = "public, no-cache";

fn check_headers(path: &str, headers: &HeaderMap) {
    let text = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    assert_eq!(text("content-type"), "image/png", "{path}");
    assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
    let is_identity = !path.contains("/heatmap") || path.contains("v=");
    let keep = if is_identity { FOR_EVER } else { ASK };
    assert_eq!(text("cache-control"), keep, "{path}");
    assert!(text("content-security-policy").starts_with("default-src 'none'"), "{path}");
    assert!(text("content-disposition").starts_with("inline; filename="), "{path}");
    assert!(text("etag").len() > 60, "{path}");
    assert_eq!(text("cross-origin-resource-policy"), "same-origin", "{path}");
}

async fn picture(served: &Served, path: &str) -> (HeaderMap, Vec<u8>) {
    let answer: Response = served.raw(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    check_headers(path, answer.headers());
    let headers = answer.headers().clone();
    (headers, answer.bytes().await.unwrap().to_vec())
}

fn pixels(png: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut bench = Workbench::new(Limits::default());
    let picture = bench.open(png).unwrap();
    (picture.width(), picture.height(), picture.rgb().to_vec())
}

fn polyglot(served: &Served) -> &Fact {
    let has_script = |png: &[u8]| png.windows(8).any(|bytes| bytes == b"<script>");
    let stored = served.written.facts.iter().filter(|fact| fact.id != served.written.expired);
    stored.into_iter().find(|fact| has_script(&fact.png)).unwrap()
}

#[tokio::test]
async fn an_original_has_its_pixels_and_none_of_its_other_bytes() {
    on_each(async |served| {
        let fact = polyglot(served);
        let path = format!("/api/v1/images/{}/original", fact.id);
        let (headers, shown) = picture(served, &path).await;
        assert!(!shown.windows(8).any(|bytes| bytes == b"<script>"));
        assert_eq!(pixels(&shown), pixels(&fact.png));
        let name = headers["content-disposition"].to_str().unwrap();
        assert!(name.contains(fact.plot.as_str()), "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_thumbnail_is_small_and_stands_for_itself_where_there_is_one() {
    on_each(async |served| {
        let own = served.written.fact("DC_tdc", 80_002, Some(9));
        let (_, small) = picture(served, &format!("/api/v1/images/{}/thumbnail", own.id)).await;
        assert_eq!((pixels(&small).0, pixels(&small).1), (8, 8));
        let none = served.written.fact("DC_occupancy", 80_002, Some(9));
        let (_, whole) = picture(served, &format!("/api/v1/images/{}/thumbnail", none.id)).await;
        assert_eq!(pixels(&whole), pixels(&none.png));
    })
    .await;
}

#[tokio::test]
async fn a_heat_map_is_coloured_and_clear_where_nothing_weighs() {
    on_each(async |served| {
        let bad = served.written.fact("DC_occupancy", 80_003, Some(20));
        let image = served.get(&format!("/images/{}", bad.id)).await;
        let href = image["heatmaps"][0]["href"].as_str().unwrap().to_owned();
        for path in [format!("/api/v1/images/{}/heatmap", bad.id), href] {
            let (_, map) = picture(served, &path).await;
            assert_eq!(map[25], 6, "RGBA: {path}");
        }
        let good = served.written.fact("DC_occupancy", 80_003, Some(2));
        for path in [
            format!("/api/v1/images/{}/heatmap", good.id),
            format!("/api/v1/images/{}/heatmap?label=Good", bad.id),
            format!("/api/v1/images/{}/heatmap?label=%3Cscript%3E", bad.id),
            format!("/api/v1/images/{}/heatmap?model={}", bad.id, "0".repeat(64)),
        ] {
            let answer = served.raw(&path).await;
            assert_eq!(answer.status(), 404, "{path}");
            problem(&path, answer).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_the_browser_has_is_not_sent_again() {
    on_each(async |served| {
        let bad = served.written.fact("DC_occupancy", 80_003, Some(20)).id;
        for kind in ["original", "thumbnail", "heatmap"] {
            let path = format!("/api/v1/images/{bad}/{kind}");
            let (headers, _) = picture(served, &path).await;
            let asked = served.client.get(format!("{}{path}", served.url));
            let again = asked.header("if-none-match", &headers["etag"]).send().await.unwrap();
            assert_eq!(again.status(), 304, "{kind}");
            assert_eq!(again.headers()["cache-control"], headers["cache-control"]);
            assert!(again.bytes().await.unwrap().is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_heat_map_that_is_drawn_anew_has_another_address_and_no_old_one_is_kept() {
    on_each(async |served| {
        use hydra_store::{
            entity::heatmap::{self, Column},
            orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr},
        };
        let bad = served.written.fact("DC_occupancy", 80_001, Some(12)).id;
        let of = async || served.get(&format!("/images/{bad}")).await["heatmap"].clone();
        let (old, bare) = (of().await, format!("/api/v1/images/{bad}/heatmap"));
        let (_, first) = picture(served, old.as_str().unwrap()).await;
        let etag = picture(served, &bare).await.0["etag"].clone();

        let map = hydra_vision::Map::from_values(4, 2, vec![255, 9, 9, 9, 0, 0, 0, 0]).unwrap();
        let map = served.blobs.put(map.to_png().into()).await.unwrap().as_bytes().to_vec();
        let anew = heatmap::Entity::update_many()
            .col_expr(Column::Map, Expr::value(map))
            .filter(Column::ImageId.eq(bad.as_bytes().to_vec()));
        served.db.run(|pool| async move { anew.exec(&pool).await }).await.unwrap();

        let new = of().await;
        assert_ne!(new, old, "another map has another address");
        let (_, second) = picture(served, new.as_str().unwrap()).await;
        assert_ne!(first, second);
        // who asks without the hash, or with the old one, gets what is there now, and keeps nothing
        let asked = served.client.get(format!("{}{bare}", served.url));
        let again = asked.header("if-none-match", etag).send().await.unwrap();
        assert_eq!(again.status(), 200);
        for path in [&bare, old.as_str().unwrap()] {
            let answer = served.raw(path).await;
            assert_eq!(answer.headers()["cache-control"], ASK, "{path}");
            assert_eq!(answer.bytes().await.unwrap(), second, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_original_that_retention_took_is_said_to_be_gone() {
    on_each(async |served| {
        let path = format!("/api/v1/images/{}/original", served.written.expired);
        let answer = served.raw(&path).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(problem(&path, answer).await["detail"], "The picture is no longer stored.");
        let image = served.get(&format!("/images/{}", served.written.expired)).await;
        assert_eq!(image["kept"], false, "what was said of it stays");
    })
    .await;
}
