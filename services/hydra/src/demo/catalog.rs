//! The simulated hall's own declaration of its detectors and plot types.

use hydra_hall::{Hall, PlotType};
use hydra_store::catalog::{self, Catalog};

/// What the hall would keep in git.
///
/// # Errors
/// When the hall's own words break the rules of a catalog.
pub fn of(hall: &Hall, every_s: f64) -> anyhow::Result<Catalog> {
    let mut wanted = Catalog::default();
    for plot_type in hall.plot_types() {
        if !wanted.detector.iter().any(|known| known.name.as_str() == plot_type.detector) {
            wanted.detector.push(catalog::Detector {
                name: plot_type.detector.parse()?,
                contact: plot_type.contact.to_owned(),
                guidance: String::new(),
            });
        }
        wanted.plot_type.push(declared(plot_type, every_s)?);
    }
    Ok(wanted)
}

fn declared(plot_type: &PlotType, every_s: f64) -> anyhow::Result<catalog::PlotType> {
    // a file's text is the one form in which every default is stated
    let text = toml::to_string(&serde_json::json!({
        "name": plot_type.name,
        "detector": plot_type.detector,
        "labels": plot_type.labels,
        "cadence_s": every_s,
        "group": plot_type.group,
        "guidance": plot_type.guidance,
        "contact": plot_type.contact,
    }))?;
    Ok(toml::from_str(&text)?)
}
