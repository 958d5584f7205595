//! The simulated hall's own declaration of its detectors and plot types.

use anyhow::Context;
use hydra_hall::{Hall, Moment, Painter, PlotType};
use hydra_proto::{ContentHash, ImageId};
use hydra_store::catalog::{self, Catalog};

/// Least current that counts as beam, nA.
const BEAM_NA: f64 = 5.0;
const NEWS: &str = "This is the demo: a simulated hall. A fault begins somewhere every few chunks \
                    and goes again by itself; nothing here needs a call.";

/// What the hall would keep in git. References are the plots of the chunk `first`, in which nothing
/// is wrong.
///
/// # Errors
/// When the hall's own words break the rules of a catalog, or a reference cannot be drawn.
pub fn of(hall: &Hall, every_s: f64, first: Moment) -> anyhow::Result<Catalog> {
    let beam = catalog::Beam { condition: "beam_current_na".to_owned(), min: BEAM_NA };
    let mut wanted = Catalog {
        hall: catalog::Hall { beam: Some(beam) },
        news: vec![catalog::News { text: NEWS.to_owned(), since: None }],
        ..Catalog::default()
    };
    let mut painter = Painter::new();
    for plot_type in hall.plot_types() {
        if !wanted.detector.iter().any(|known| known.name.as_str() == plot_type.detector) {
            wanted.detector.push(catalog::Detector {
                name: plot_type.detector.parse()?,
                contact: plot_type.contact.to_owned(),
                guidance: String::new(),
            });
        }
        let mut declared = declared(plot_type, every_s)?;
        let drawn = hall.draw_with(&mut painter, plot_type, first, None);
        let drawn = drawn.with_context(|| format!("drawing {}", plot_type.name))?;
        let content = ContentHash::of(&drawn.png);
        let id = ImageId::of(&plot_type.name, first.run, Some(first.chunk), &content);
        declared.reference = Some(id);
        wanted.plot_type.push(declared);
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
