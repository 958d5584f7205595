//! Fills the database on the server itself, by statements over its own sequences of numbers.
//!
//! Row n is of plot type n mod 80 and was drawn in chunk n / 80; a chunk comes every five
//! minutes, a run has 24 of them. So ten million rows are 434 days of a hall with 80 plots.

use hydra_proto::{ModelDigest, PlotTypeName, registry::InputShape};
use hydra_store::{
    Database, catalog, keeping,
    model::NewModel,
    now_us,
    orm::{ConnectionTrait, DbBackend, Statement},
    release::{Action, By, Thresholds, release},
};
use std::time::Instant;

/// Plot types of the hall.
pub const PLOTS: u64 = 80;
/// Between two chunks.
pub const CADENCE_US: i64 = 300_000_000;
/// Chunks of a run.
pub const CHUNKS: u64 = 24;
/// The first run.
pub const FIRST_RUN: u64 = 50_000;
/// Of the model, in the order of its scores.
const LABELS: [&str; 3] = ["Good", "Bad", "NoData"];
/// Rows of one statement.
const PIECE: u64 = 200_000;

/// What is in the database.
#[derive(Clone, Debug)]
pub struct Hall {
    /// Names of the plot types, with their row ids.
    pub plots: Vec<(PlotTypeName, i32)>,
    /// Row id of the model of all of them.
    pub model_id: i32,
    /// When the first chunk was drawn.
    pub from_us: i64,
    /// When the last one was.
    pub to_us: i64,
    /// The last run.
    pub last_run: u64,
}

async fn run(db: &Database, statement: String) {
    let done = db.run(move |pool| async move { pool.execute_unprepared(&statement).await }).await;
    done.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Fills it with `rows` images and predictions and all that follows from them, from where an
/// earlier run ended. `None`: `until` came first, and the next run goes on.
pub async fn fill(db: &Database, rows: u64, until: Option<Instant>) -> Option<Hall> {
    run(db, "create table if not exists load_hall (to_us bigint, n bigint, done bigint)".into())
        .await;
    let chunks = rows.div_ceil(PLOTS);
    let (to_us, mut done) = match filled(db).await {
        Some((to_us, wanted, done)) => {
            assert_eq!(wanted, rows, "the folder holds a database of another size");
            (to_us, done)
        }
        None => {
            let to_us = now_us() - 10_000_000;
            run(db, format!("insert into load_hall values ({to_us}, {rows}, 0)")).await;
            (to_us, 0)
        }
    };
    let from_us = to_us - (chunks as i64 - 1) * CADENCE_US;
    if done > rows {
        return Some(known(db, from_us, to_us, last_run(rows)).await);
    }
    let hall = declare(db, from_us, to_us, last_run(rows)).await;
    let first = hall.plots.iter().map(|(_, id)| *id).min().unwrap();
    for statement in [
        "set global innodb_flush_log_at_trx_commit = 0".to_owned(),
        // one statement may take longer than a question
        "set global max_statement_time = 0".to_owned(),
    ] {
        run(db, statement).await;
    }
    let (begun, before) = (Instant::now(), done);
    while done < rows {
        if until.is_some_and(|until| Instant::now() > until) {
            return None;
        }
        let (from, to) = (done, rows.min(done + PIECE) - 1);
        piece(db, &hall, first, from, to).await;
        done = to + 1;
        run(db, format!("update load_hall set done = {done}")).await;
        let rate = (done - before) as f64 / begun.elapsed().as_secs_f64();
        eprint!("\rfilled {done} of {rows}, {rate:.0} a second   ");
    }
    eprintln!();
    sums(db, &hall, rows, chunks, first).await;
    run(db, "set global innodb_flush_log_at_trx_commit = 1".into()).await;
    run(db, "analyze table image, prediction, sequence, label".into()).await;
    run(db, format!("update load_hall set done = {}", rows + 1)).await;
    Some(hall)
}

/// Rows `from` to `to`. A piece that was cut off is written over.
async fn piece(db: &Database, hall: &Hall, first: i32, from: u64, to: u64) {
    let Hall { from_us, model_id, .. } = hall;
    let source = format!(
        "(select seq n, seq div {PLOTS} k, {first} + seq mod {PLOTS} plot, \
         {from_us} + (seq div {PLOTS}) * {CADENCE_US} + (seq mod {PLOTS}) * 1000 taken, \
         unhex(concat(lpad(hex({FIRST_RUN} + seq div {PLOTS} div {CHUNKS}), 8, '0'), \
         lpad(hex(1 + seq div {PLOTS} mod {CHUNKS}), 8, '0'), md5(seq))) id, \
         case when crc32(seq) mod 500 = 0 then 2 when crc32(seq) mod 300 = 1 then 3 else 1 end kind \
         from seq_{from}_to_{to}) s"
    );
    run(db, format!(
        "insert ignore into image select id, plot, {FIRST_RUN} + k div {CHUNKS}, 1 + k mod {CHUNKS}, taken, \
         taken + 1000000, taken + 1500000, k + 1, unhex(sha2(n, 256)), unhex(sha2(n + 0.5, 256)), \
         1380, 640, 50000, 'load', null, 42.5, 1, 1, null from {source}"
    )).await;
    run(db, format!(
        "insert ignore into prediction select id, {model_id}, plot, 0, taken, \
         case kind when 2 then 'Bad' else 'Good' end, 0.9 + (n mod 97) / 1000, 0.7, kind = 3, kind, \
         case kind when 2 then '[0.0211,0.9512,0.0277]' else '[0.9512,0.0211,0.0277]' end, \
         0.5, '', 30000 from {source}"
    )).await;
}

fn last_run(rows: u64) -> u64 {
    FIRST_RUN + (rows.div_ceil(PLOTS) - 1) / CHUNKS
}

/// When the last chunk was drawn, how many rows there are to be, and how many there are.
async fn filled(db: &Database) -> Option<(i64, u64, u64)> {
    let row = db.run(|pool| async move {
        let ask = Statement::from_string(DbBackend::MySql, "select * from load_hall");
        pool.query_one_raw(ask).await
    });
    let row = row.await.unwrap()?;
    let number = |name: &str| row.try_get::<i64>("", name).unwrap();
    Some((number("to_us"), number("n") as u64, number("done") as u64))
}

fn names() -> Vec<PlotTypeName> {
    (0..PLOTS).map(|plot| format!("D{}_plot_{plot:02}", plot / 10).parse().unwrap()).collect()
}

/// What was declared, as it is in the database.
async fn known(db: &Database, from_us: i64, to_us: i64, last_run: u64) -> Hall {
    let names = names();
    let (_, facts) = keeping::plot_types(db, names.clone()).await.unwrap();
    let digest = ModelDigest::of(b"load");
    let wanted = vec![(digest, LABELS.map(String::from).to_vec())];
    let model_id = keeping::model_ids(db, wanted).await.unwrap()[&digest].0;
    let plots = names.into_iter().map(|name| (name.clone(), facts[&name].id)).collect();
    Hall { plots, model_id, from_us, to_us, last_run }
}

async fn declare(db: &Database, from_us: i64, to_us: i64, last_run: u64) -> Hall {
    let mut text = String::new();
    for detector in 0..8 {
        text += &format!("[[detector]]\nname = \"D{detector}\"\n");
    }
    for plot in 0..PLOTS {
        text += &format!(
            "[[plot_type]]\nname = \"D{}_plot_{plot:02}\"\ndetector = \"D{}\"\ngroup = \"G{}\"\n\
             cadence_s = 300\n",
            plot / 10,
            plot / 10,
            plot % 5
        );
    }
    let by = || By { who: "load".into(), why: String::new() };
    catalog::apply(db, catalog::Catalog::parse(&text).unwrap(), false, by()).await.unwrap();
    let names = names();
    let digest = ModelDigest::of(b"load");
    let new = NewModel {
        digest,
        architecture: "none".into(),
        parent: None,
        inputs: vec![InputShape { width: 96, height: 64, channels: 3, letterbox: false }],
        labels: LABELS.map(|label| label.parse().unwrap()).to_vec(),
        plot_types: names.clone(),
        manifest: "{}".into(),
        evaluation: None,
    };
    hydra_store::model::insert(db, new).await.unwrap();
    for name in &names {
        let action = Action::Activate(digest, Thresholds::new());
        release(db, name.clone(), action, by()).await.unwrap();
    }
    let hall = known(db, from_us, to_us, last_run).await;
    let ids: Vec<i32> = hall.plots.iter().map(|(_, id)| *id).collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "row ids follow each other: {ids:?}"
    );
    hall
}

/// What keep adds up beside the rows.
async fn sums(db: &Database, hall: &Hall, rows: u64, chunks: u64, first: i32) {
    let Hall { from_us, last_run, .. } = hall;
    let runs = last_run - FIRST_RUN;
    let run_us = CHUNKS as i64 * CADENCE_US;
    for statement in [
        format!(
            "insert into run select {FIRST_RUN} + seq, 'load', {from_us} + seq * {run_us}, \
             {from_us} + (seq + 1) * {run_us} - {CADENCE_US} + 80000, {PLOTS} * {CHUNKS}, \
             unhex(concat(lpad(hex({FIRST_RUN} + seq), 8, '0'), repeat('f', 40))), null from seq_0_to_{runs}"
        ),
        format!(
            "insert into run_outcome select {FIRST_RUN} + r.seq, elt(1 + o.seq, 'Good', 'Bad', 'Unconfirmed'), \
             elt(1 + o.seq, 1900, 10, 10) from seq_0_to_{runs} r join seq_0_to_2 o"
        ),
        format!(
            "insert into run_latency select {FIRST_RUN} + r.seq, b.seq, 240, 240 * 80000 \
             from seq_0_to_{runs} r join seq_3_to_10 b"
        ),
        format!(
            "insert into daily select d.seq, {first} + p.seq, 'Good', 288 \
             from seq_{}_to_{} d join seq_0_to_{} p",
            from_us / 86_400_000_000,
            hall.to_us / 86_400_000_000,
            PLOTS - 1
        ),
        format!(
            "insert into latest select {first} + p.seq, unhex(concat(lpad(hex({last_run}), 8, '0'), repeat('f', 40))), \
             {}, {chunks} from seq_0_to_{} p",
            hall.to_us,
            PLOTS - 1
        ),
        format!("update counter set value = {chunks} where name = 'commits'"),
        // each image that was Bad or unconfirmed is a sequence of its own
        format!(
            "insert into sequence select unhex(left(md5(concat('s', hex(image_id))), 32)), plot_type_id, kind, label, \
             taken_us, image_id, taken_us, image_id, taken_us + {CADENCE_US}, image_id, 0, 1, 1 \
             from prediction where kind > 1 and role = 0"
        ),
        format!(
            "insert into label select image_id, plot_type_id, label, taken_us, 'load', taken_us, 0 \
             from prediction where role = 0 and plot_type_id = {first} and taken_us > {} limit 20000",
            from_us
        ),
        format!(
            "insert into dead_letter select unhex(left(md5(concat('d', seq)), 32)), concat('m', seq), 'resize', \
             'ImageIngested', 'refused', 'not a PNG', 1, 100, {from_us} + seq * 1000000000, {first} + seq mod {PLOTS}, \
             {FIRST_RUN}, 1, null, null, null, 1 from seq_1_to_{}",
            (rows / 10_000).max(1)
        ),
    ] {
        run(db, statement).await;
    }
}
