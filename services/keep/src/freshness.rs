//! The newest image of each plot type, its cadence and the beam -> gauges, for alerts.

use hydra_store::{
    Database,
    read::{Freshness, freshness},
};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// A scrape every 15 s sees each change.
const EVERY: Duration = Duration::from_secs(15);

/// Sets the gauges until `stop`. While the database is away they stay as they were: the age of
/// what was last seen grows by itself.
pub async fn run(db: Database, stop: CancellationToken) {
    loop {
        match freshness(&db).await {
            Ok(found) => show(&found),
            Err(error) => {
                debug!(error = &error as &dyn std::error::Error, "freshness cannot be read");
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

fn show(found: &Freshness) {
    for seen in &found.plot_types {
        let name = seen.name.to_string();
        metrics::gauge!("hydra_plot_type_last_image_timestamp_seconds", "plot_type" => name.clone())
            .set(seen.taken_us as f64 / 1e6);
        if let Some(cadence_s) = seen.cadence_s {
            metrics::gauge!("hydra_plot_type_cadence_seconds", "plot_type" => name).set(cadence_s);
        }
    }
    if let Some(on) = found.beam_on {
        metrics::gauge!("hydra_beam_on").set(f64::from(u8::from(on)));
    }
}
