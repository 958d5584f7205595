//! Facts -> rows and blobs, through the writers of keep, of the catalog, of releases and labels.

use super::facts::{Fact, LABELS, Opinion, facts, manifest, model};
use bytes::Bytes;
use hydra_blobs::Blobs;
use hydra_proto::{ContentHash, Label, events, registry::InputShape};
use hydra_store::{
    Database, ROLE_ACTIVE, ROLE_CANDIDATE, catalog,
    dead::{self, Handled},
    entity::{conditions, dead_letter, embedding, heatmap, image, prediction},
    heartbeat::{Beat, Body, HeldModel, Histogram, Queue, Vitals, beat},
    id, json,
    keeping::{self, Batch, NewImage},
    label,
    model::NewModel,
    now_us,
    release::{Action, By, Thresholds, release},
};
use hydra_vision::{Map, write_rgb_png};
use std::{collections::HashMap, sync::Arc};

/// What people declared of the hall.
pub const CATALOG: &str = r#"
[hall.beam]
condition = "beam_current_nA"
min = 5.0

[[news]]
text = "Beam studies until noon <script>alert(1)</script>"

[[detector]]
name = "DC"
contact = "Dana, 4711"
guidance = "Look at the high voltage."
[[detector]]
name = "CDC"
contact = "Carl"
[[detector]]
name = "Idle"

[[plot_type]]
name = "DC_occupancy"
detector = "DC"
group = "tracking"
labels = ["Good", "Bad", "NoData"]
cadence_s = 60
guidance = "Is a board off?"
[[plot_type]]
name = "DC_tdc"
detector = "DC"
group = "tracking"
cadence_s = 60
[[plot_type]]
name = "CDC_occupancy"
detector = "CDC"
group = "central"
cadence_s = 60
collect_fraction = 0.25
[[plot_type]]
name = "Faraday Cup"
detector = "CDC"
[[plot_type]]
name = "Off_adc"
detector = "Idle"
disabled = true
"#;

/// What is in the database, and how to write more of it.
pub struct Written {
    pub facts: Vec<Fact>,
    /// Images whose original is no longer stored.
    pub expired: hydra_proto::ImageId,
    models: HashMap<hydra_proto::ModelDigest, i32>,
    plot_types: HashMap<hydra_proto::PlotTypeName, i32>,
}

fn by(why: &str) -> By {
    By { who: "naomi".into(), why: why.into() }
}

/// What every run was taken under.
pub fn conditions_of(fact: &Fact) -> String {
    serde_json::json!({"beam_current_nA": fact.beam, "target": "LH2"}).to_string()
}

impl Written {
    /// Declares the hall and writes all that happened in it.
    pub async fn write(db: &Database, blobs: &Blobs) -> Self {
        let wanted: catalog::Catalog = catalog::Catalog::parse(CATALOG).unwrap();
        catalog::apply(db, wanted, false, by("test")).await.unwrap();
        library(db).await;
        let facts = facts(now_us());
        let expired = facts[3].id;
        let mut written =
            Self { facts: Vec::new(), expired, models: HashMap::new(), plot_types: HashMap::new() };
        written.learn_ids(db, &facts).await;
        for batch in facts.chunks(37) {
            written.add(db, blobs, batch).await;
        }
        written.facts = facts;
        written.labels(db).await;
        written.dead_letters(db).await;
        beats(db).await;
        written
    }

    async fn learn_ids(&mut self, db: &Database, facts: &[Fact]) {
        let labels = LABELS.map(String::from).to_vec();
        let wanted = ["first", "second", "shadow"].map(|name| (model(name), labels.clone()));
        let found = keeping::model_ids(db, wanted.to_vec()).await.unwrap();
        self.models = found.into_iter().map(|(digest, (row, _))| (digest, row)).collect();
        let names = facts.iter().map(|fact| fact.plot.clone()).collect();
        let (_, found) = keeping::plot_types(db, names).await.unwrap();
        self.plot_types = found.into_iter().map(|(name, facts)| (name, facts.id)).collect();
    }

    /// Writes images in one transaction, as keep does, with their blobs and heat maps.
    pub async fn add(&self, db: &Database, blobs: &Blobs, facts: &[Fact]) {
        let mut batch = Batch::default();
        for fact in facts {
            if fact.id != self.expired {
                blobs.put(Bytes::from(fact.png.clone())).await.unwrap();
            }
            if let Some(png) = thumbnail(fact) {
                blobs.put(Bytes::from(png)).await.unwrap();
            }
            batch.images.push(self.image(fact));
            if let Some(said) = fact.verdict.as_ref().filter(|said| said.label == "Bad") {
                let map = Map::from_values(4, 2, vec![0, 50, 100, 255, 0, 0, 9, 9]).unwrap();
                let map = blobs.put(map.to_png().into()).await.unwrap();
                batch.heatmaps.push(heatmap::Model {
                    image_id: fact.id.as_bytes().to_vec(),
                    model_id: self.models[&said.model],
                    label: said.label.into(),
                    map: map.as_bytes().to_vec(),
                    method: "grad-cam".into(),
                    maximum: 1.0,
                    made_us: 0,
                    commit_no: 0,
                });
            }
        }
        keeping::commit(db, Arc::new(batch)).await.unwrap();
    }

    fn image(&self, fact: &Fact) -> NewImage {
        let body = conditions_of(fact);
        let conditions = conditions::Model { id: id::conditions(fact.run, &body), body };
        let row = image::Model {
            id: fact.id.as_bytes().to_vec(),
            plot_type_id: self.plot_types[&fact.plot],
            run: fact.run.into(),
            chunk: fact.chunk.map(i64::from),
            taken_us: fact.taken_us,
            arrived_us: fact.taken_us + 1_000_000,
            committed_us: 0,
            commit_no: 0,
            content: fact.content.as_bytes().to_vec(),
            thumbnail: thumbnail(fact).map(|png| ContentHash::of(&png).as_bytes().to_vec()),
            width: 48,
            height: 32,
            size_bytes: fact.png.len() as i64,
            source: "counting house".into(),
            conditions_id: Some(conditions.id.clone()),
            beam: Some(fact.beam),
            kept: true,
            stored: fact.id != self.expired,
            no_verdict_reason: fact.verdict.is_none().then(|| "no model".into()),
        };
        let said = fact.verdict.iter().map(|said| self.prediction(fact, said, ROLE_ACTIVE));
        let shadow = fact.shadow.iter().map(|said| self.prediction(fact, said, ROLE_CANDIDATE));
        let embedding = fact.verdict.as_ref().map(|said| embedding::Model {
            image_id: row.id.clone(),
            model_id: self.models[&said.model],
            features: features(fact).into_iter().flat_map(f32::to_le_bytes).collect(),
        });
        NewImage {
            data: Vec::new(),
            may_be_stuck: false,
            unfamiliar: None,
            predictions: said.chain(shadow).collect(),
            embeddings: embedding.into_iter().collect(),
            period: "RunPeriod-2026-11".into(),
            conditions: Some(conditions),
            wire: events::Image { plot_type: fact.plot.to_string(), ..Default::default() },
            image: row,
        }
    }

    fn prediction(&self, fact: &Fact, said: &Opinion, role: i16) -> prediction::Model {
        prediction::Model {
            image_id: fact.id.as_bytes().to_vec(),
            model_id: self.models[&said.model],
            plot_type_id: self.plot_types[&fact.plot],
            role,
            taken_us: fact.taken_us,
            label: said.label.into(),
            confidence: said.confidence,
            threshold: said.threshold,
            state: said.state as i16,
            kind: if role == ROLE_ACTIVE { said.kind as i16 } else { 0 },
            scores: json::write("scores", &said.scores).unwrap(),
            p_value: Some(0.5),
            note: String::new(),
            work_us: 1_000,
        }
    }

    /// The image of a plot type with this run and chunk.
    pub fn fact(&self, plot: &str, run: u32, chunk: Option<u32>) -> &Fact {
        let found = self
            .facts
            .iter()
            .find(|fact| (fact.plot.as_str(), fact.run, fact.chunk) == (plot, run, chunk));
        found.unwrap_or_else(|| panic!("no {plot} {run}.{chunk:?}"))
    }

    /// Images of one plot type, oldest first, of one time by id.
    pub fn of(&self, plot: &str) -> Vec<&Fact> {
        let mut found: Vec<&Fact> =
            self.facts.iter().filter(|fact| fact.plot.as_str() == plot).collect();
        found.sort_by_key(|fact| (fact.taken_us, fact.id));
        found
    }

    async fn labels(&self, db: &Database) {
        let given = [(2, "Bad"), (3, "Good"), (12, "Good"), (40, "Good")];
        let changes = given.map(|(chunk, text)| {
            let label: Label = text.parse().unwrap();
            (self.fact("DC_occupancy", 80_001, Some(chunk)).id, Some(label))
        });
        label::set(db, changes.to_vec(), by("looked at it")).await.unwrap();
    }

    async fn dead_letters(&self, db: &Database) {
        let now = now_us();
        let letter = |n: i64, plot: Option<&str>| dead_letter::Model {
            id: id::dead_letter("resize", &format!("message-{n}")),
            message_id: format!("message-{n}"),
            stage: "resize".into(),
            event: "hydra.events.v1.ImageIngested".into(),
            reason: "refused".into(),
            error: format!("not a PNG: {n}"),
            attempts: 1,
            size_bytes: 10,
            buried_us: now - n,
            plot_type_id: plot.map(|name| self.plot_types[&name.parse().unwrap()]),
            run: Some(80_003),
            chunk: Some(21),
            image_id: None,
            handled: None,
            handled_us: None,
            commit_no: 0,
        };
        let dead_letters = vec![
            letter(0, Some("DC_tdc")),
            letter(1, None),
            letter(2, Some("DC_occupancy")),
            letter(3, None),
        ];
        keeping::commit(db, Arc::new(Batch { dead_letters, ..Default::default() })).await.unwrap();
        // dealt with: no longer anybody's trouble
        let ids = ["message-2".to_owned()];
        dead::handled(db, "resize", &ids, Handled::Dropped).await.unwrap();
    }
}

/// Only one plot type has thumbnails.
fn thumbnail(fact: &Fact) -> Option<Vec<u8>> {
    (fact.plot.as_str() == "DC_tdc").then(|| write_rgb_png(8, 8, &[fact.run as u8; 192]))
}

/// Good ones look one way, others another.
pub fn features(fact: &Fact) -> [f32; 3] {
    let tilt = fact.chunk.unwrap_or(0) as f32 / 1_000.0;
    match fact.verdict.as_ref().map(|said| said.label) {
        Some("Good") => [1.0, tilt, 0.0],
        _ => [0.0, tilt, 1.0],
    }
}

async fn library(db: &Database) {
    let evaluation = r#"{"training":{"labels":{"Good":400,"Bad":3,"NoData":20}},"accuracy":0.98}"#;
    for (name, parent) in [("first", None), ("second", Some("first")), ("shadow", None)] {
        let new = NewModel {
            digest: model(name),
            architecture: "InceptionV3".into(),
            parent: parent.map(model),
            inputs: vec![InputShape { width: 96, height: 64, channels: 3, letterbox: false }],
            labels: LABELS.map(|label| label.parse().unwrap()).to_vec(),
            plot_types: ["DC_occupancy", "DC_tdc"].map(|p| p.parse().unwrap()).to_vec(),
            manifest: manifest(name),
            evaluation: Some(evaluation.into()),
        };
        hydra_store::model::insert(db, new).await.unwrap();
    }
    let thresholds = || -> Thresholds {
        [("Good", 0.7), ("Bad", 0.7)]
            .map(|(label, at)| (label.parse().unwrap(), at.try_into().unwrap()))
            .into()
    };
    for (plot, action) in [
        ("DC_occupancy", Action::Activate(model("first"), thresholds())),
        ("DC_occupancy", Action::Activate(model("second"), thresholds())),
        ("DC_tdc", Action::Activate(model("first"), thresholds())),
        ("DC_tdc", Action::Candidate(model("shadow"), thresholds())),
        ("Faraday Cup", Action::Activate(model("first"), thresholds())),
    ] {
        release(db, plot.parse().unwrap(), action, by("release of the day")).await.unwrap();
    }
}

/// Two models in memory, of which one shares its trunk.
fn loaded() -> Vec<HeldModel> {
    let one = |name: &str, shared_bytes| HeldModel {
        model: model(name).to_string(),
        bytes: 90 << 20,
        shared_bytes,
        since_us: now_us() - 600_000_000,
    };
    vec![one("second", 80 << 20), one("first", 0)]
}

/// Every role of the pipeline is alive but gradcam, which never was.
pub async fn beats(db: &Database) {
    for role in ["ingest", "resize", "infer", "keep"] {
        let times = Histogram { counts: vec![0, 5, 10], sum_us: 50_000 };
        let vitals = Vitals { work: times.clone(), lag: times, ..Default::default() };
        let queue = Queue { ready: 3, dead: 1, consumers: 2 };
        let body = Body {
            components: [(format!("broker: {role}"), None)].into(),
            queues: [(role.to_owned(), queue)].into(),
            stages: [(role.to_owned(), vitals)].into(),
            models: if role == "infer" { loaded() } else { Vec::new() },
        };
        let sign = Beat {
            instance: format!("{role}-1"),
            role: role.into(),
            version: "9.9".into(),
            started_us: now_us() - 3_600_000_000,
            ready: true,
            body,
        };
        beat(db, sign).await.unwrap();
    }
}
