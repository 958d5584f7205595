//! Plot types with models, images sent as producers send them, and the rows that come of them.

use crate::config::Config;
use anyhow::{Context, bail};
use futures::{StreamExt, stream};
use hydra_amqp::AmqpTransport;
use hydra_blobs::Blobs;
use hydra_hall::{Hall, Moment, Painter};
use hydra_model::{Bundle, Library};
use hydra_proto::{PlotTypeName, Threshold};
use hydra_stage::Message;
use hydra_store::{
    Database,
    catalog::{self, Catalog},
    entity::image,
    now_us,
    orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect},
    release::{self, Action, By, Thresholds},
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Publishes under way at once, as a busy producer has them.
const UNDER_WAY: usize = 64;
/// Longest without a new row.
const PATIENCE: Duration = Duration::from_secs(120);

/// What benches share.
pub struct Scene {
    /// The configuration of this process, which the workers inherit by the environment.
    pub config: Config,
    /// Rows.
    pub database: Database,
    /// Models.
    pub library: Library,
    /// As a producer has it.
    pub transport: AmqpTransport,
    /// Plots as monitoring draws them, with the size of real ones.
    pub plots: Vec<bytes::Bytes>,
    runs: AtomicU32,
}

impl Scene {
    /// Opens what the configuration names, and draws plots.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let database = Database::connect(&config.database).await?;
        database.migrate().await?;
        let library = Library::new(Blobs::open(&config.blobs).await?);
        let transport = AmqpTransport::new(config.broker.clone());
        let plots = tokio::task::spawn_blocking(draw).await??;
        Ok(Self { config, database, library, transport, plots, runs: AtomicU32::new(1) })
    }

    /// A run number that no other part of the bench uses.
    pub fn run(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::SeqCst)
    }

    /// Declares plot types and makes a bundle the active model of each; every verdict is
    /// confirmed, so that no heat map is asked for.
    ///
    /// # Errors
    /// When the database or the store does not take them.
    pub async fn release(&self, pairs: &[(PlotTypeName, Bundle)]) -> anyhow::Result<()> {
        let by = || By { who: "bench".to_owned(), why: "measures".to_owned() };
        let mut wanted = Catalog::default();
        for (name, bundle) in pairs {
            let text = toml::to_string(&serde_json::json!({
                "name": name,
                "labels": bundle.manifest.labels,
                "bad_labels": [],
            }))?;
            wanted.plot_type.push(toml::from_str(&text)?);
        }
        catalog::apply(&self.database, wanted, false, by()).await?;
        for (name, bundle) in pairs {
            let names = vec![name.clone()];
            let digest =
                hydra_train::library::add(&self.library, &self.database, bundle, names).await?;
            let mut thresholds = Thresholds::new();
            for label in &bundle.manifest.labels {
                thresholds.insert(label.clone(), Threshold::try_from(0.0)?);
            }
            let action = Action::Activate(digest, thresholds);
            release::release(&self.database, name.clone(), action, by()).await?;
        }
        Ok(())
    }

    /// Publishes `count` plots of one run to the door, over the plot types in turn. Returns when
    /// the first was sent, microseconds since 1970 UTC.
    ///
    /// # Errors
    /// When the broker does not take them.
    pub async fn send(
        &self,
        names: &[PlotTypeName],
        run: u32,
        count: usize,
    ) -> anyhow::Result<i64> {
        let begun = now_us();
        let sends = (0..count).map(|at| {
            let headers = [
                ("plot-type", names[at % names.len()].to_string()),
                ("run", run.to_string()),
                ("chunk", (at + 1).to_string()),
                ("source", "bench".to_owned()),
            ];
            let headers = headers.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
            let body = self.plots[at % self.plots.len()].clone();
            let message = Message { id: String::new(), type_name: String::new(), headers, body };
            self.transport.publish_image(message)
        });
        let mut sends = stream::iter(sends).buffer_unordered(UNDER_WAY);
        while let Some(sent) = sends.next().await {
            sent?;
        }
        Ok(begun)
    }

    /// Waits until `count` images of the run have their rows. Returns when the last was committed,
    /// microseconds since 1970 UTC, by the clock of the process that committed it.
    ///
    /// # Errors
    /// When rows stop coming, or an image got no verdict.
    pub async fn rows(&self, run: u32, count: usize) -> anyhow::Result<i64> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let (rows, last_us, reason) = self.committed(run).await?;
            if rows >= count as u64 {
                if let Some(reason) = reason {
                    bail!("an image got no verdict: {reason}");
                }
                return last_us.context("the time of the last commit");
            }
            if rows > seen {
                (seen, since) = (rows, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                bail!("{rows} of {count} rows, and no more for {PATIENCE:?}");
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn committed(&self, run: u32) -> anyhow::Result<(u64, Option<i64>, Option<String>)> {
        use image::Column as C;
        let bound = |run: u32| {
            let mut id = vec![0; 24];
            id[..4].copy_from_slice(&run.to_be_bytes());
            id
        };
        let (from, to) = (bound(run), bound(run + 1));
        let found: Option<(i64, Option<i64>, Option<String>)> = self
            .database
            .run(move |pool| {
                let (from, to) = (from.clone(), to.clone());
                async move {
                    image::Entity::find()
                        .select_only()
                        .column_as(C::Id.count(), "images")
                        .column_as(C::CommittedUs.max(), "last")
                        .column_as(C::NoVerdictReason.max(), "reason")
                        .filter(C::Id.gte(from))
                        .filter(C::Id.lt(to))
                        .into_tuple()
                        .one(&pool)
                        .await
                }
            })
            .await?;
        let (images, last_us, reason) = found.unwrap_or_default();
        Ok((u64::try_from(images)?, last_us, reason.filter(|reason| !reason.is_empty())))
    }
}

/// Names of plot types that only the bench has.
///
/// # Errors
/// Never for a prefix that is a name.
pub fn names(prefix: &str, count: usize) -> anyhow::Result<Vec<PlotTypeName>> {
    (0..count).map(|n| Ok(format!("{prefix}_{n:05}").parse()?)).collect()
}

/// One plot of each type of the simulated hall, 1380x640 or as that type is drawn.
fn draw() -> anyhow::Result<Vec<bytes::Bytes>> {
    let hall = Hall::new(1);
    let mut painter = Painter::new();
    let at = Moment { run: hall.first_run(), chunk: 1 };
    let draw = |plot_type| Ok(hall.draw_with(&mut painter, plot_type, at, None)?.png.into());
    hall.plot_types().iter().map(draw).collect()
}
