//! Folders and files as monitoring programs write them.

#![allow(clippy::unwrap_used)]

use hydra_hall::{Grammar, Hall, Moment, Painter, Truth, TruthFiles, Writer};
use std::{fs, path::Path};
use time::macros::datetime;

fn hall() -> Hall {
    Hall::new(1).starting(5_038, datetime!(2026-03-02 11:50 UTC))
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn mon12_has_a_folder_a_chunk_with_a_twelve_hour_clock() {
    let hall = hall();
    let folder = Grammar::Mon12.folder(&hall, Moment { run: 5_038, chunk: 3 });
    let text = folder.to_str().unwrap();
    let rest = text.strip_prefix("clas12mon_5038_03-02-2026_").unwrap();
    let (clock, half) = rest.split_once('_').unwrap();
    assert!(matches!(half, "AM" | "PM"), "{text}");
    let parts: Vec<u32> = clock.split('.').map(|part| part.parse().unwrap()).collect();
    assert_eq!((clock.len(), parts.len()), (8, 3));
    assert!((1..=12).contains(&parts[0]) && parts[1] < 60 && parts[2] < 60);
    let path = Grammar::Mon12.path(&hall, "Faraday Cup", Moment { run: 5_038, chunk: 3 });
    assert!(path.ends_with("Faraday Cup.png"));
}

#[test]
fn rsai_has_a_folder_a_run_and_numbers_chunks() {
    let path = |name| Grammar::Rsai.path(&hall(), name, Moment { run: 5_039, chunk: 37 });
    let expected = "RunPeriod-2026-03/Run005039/CDC_occupancy_0037.png";
    assert_eq!(path("CDC_occupancy"), Path::new(expected));
    assert!(path("RF_selftiming-02").ends_with("RF_selftiming-02_0037.png"));
}

#[test]
fn every_chunk_of_a_run_has_another_path() {
    let hall = hall();
    for grammar in [Grammar::Mon12, Grammar::Rsai] {
        let mut paths: Vec<_> = hall
            .moments(Moment { run: 5_038, chunk: 1 })
            .take(60)
            .map(|at| grammar.path(&hall, "DC_time", at))
            .collect();
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), 60);
    }
}

#[test]
fn images_truth_and_metadata_lie_where_they_should() {
    let (hall, folder) = (hall(), tempfile::tempdir().unwrap());
    let at = Moment { run: 5_038, chunk: 1 };
    let plot_type = hall.plot_type("Faraday Cup").unwrap();
    let drawn = hall.draw_with(&mut Painter::new(), plot_type, at, None).unwrap();
    let truth = folder.path().join("truth");
    let writer = Writer {
        truth: TruthFiles::Below(truth.clone()),
        ..Writer::new(folder.path().join("plots"), Grammar::Mon12)
    };
    let path = writer.write(&hall, &drawn).unwrap();
    assert_eq!(fs::read(&path).unwrap(), drawn.png);
    let metadata = writer.write_metadata(&hall, at).unwrap();
    assert_eq!(metadata.parent(), path.parent());
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(metadata).unwrap()).unwrap();
    assert_eq!(metadata["run"], 5_038);
    assert!(metadata["conditions"]["beam_current_na"].as_f64().unwrap() > 0.0);
    assert_eq!(files(&folder.path().join("plots")).len(), 2, "no truth beside, nothing partial");
    let [file] = &files(&truth)[..] else { panic!("one truth") };
    assert!(file.ends_with("Faraday Cup.truth.json"), "{file}");
    let read: Truth = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(read, drawn.truth);
}

#[test]
fn writing_in_place_shows_half_an_image_and_then_the_whole() {
    let (hall, folder) = (hall(), tempfile::tempdir().unwrap());
    let plot_type = hall.plot_type("TRG_bits").unwrap();
    let at = Moment { run: 5_038, chunk: 2 };
    let drawn = hall.draw(plot_type, at, None).unwrap();
    let writer = Writer::new(folder.path(), Grammar::Rsai);
    let final_path = folder.path().join(Grammar::Rsai.path(&hall, "TRG_bits", at));
    let mut sizes = Vec::new();
    let look = || sizes.push(fs::metadata(&final_path).unwrap().len());
    let path = writer.write_in_place(&hall, &drawn, 7, look).unwrap();
    assert_eq!(sizes.len(), 6);
    assert!(sizes[0] > 0 && sizes.windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(path, final_path);
    assert_eq!(fs::read(path).unwrap(), drawn.png);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (hall, folder) = (hall(), tempfile::tempdir().unwrap());
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let writer = Writer::new(&file, Grammar::Rsai);
    let error = writer.write_metadata(&hall, Moment { run: 1, chunk: 1 }).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
