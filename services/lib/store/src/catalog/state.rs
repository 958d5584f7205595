//! The catalog out of the database.

use super::{
    file::{Catalog, Detector, Hall, News, PlotType},
    spec::Spec,
};
use crate::{
    PlotTypeState, StoreError,
    entity::{detector, news, plot_type, setting},
    json,
};
use hydra_proto::PlotTypeName;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use std::collections::HashMap;

/// Name of the setting that holds [`Hall`].
pub(super) const HALL: &str = "hall";

/// What the database says, and the row ids behind it.
pub(super) struct State {
    /// What was declared, in the order of the pages.
    pub catalog: Catalog,
    /// Plot types that came in by themselves.
    pub discovered: Vec<PlotTypeName>,
    /// All plot types.
    pub plot_types: HashMap<PlotTypeName, plot_type::Model>,
    /// All detectors.
    pub detectors: HashMap<PlotTypeName, detector::Model>,
}

fn name(text: &str) -> Result<PlotTypeName, StoreError> {
    text.parse().map_err(|error| StoreError::unreadable("a name in the catalog", error))
}

impl State {
    pub async fn read<C: ConnectionTrait>(db: &C) -> Result<Self, StoreError> {
        let hall = match setting::Entity::find_by_id(HALL).one(db).await? {
            Some(row) => json::read("the hall's settings", &row.value)?,
            None => Hall::default(),
        };
        let mut state = Self {
            catalog: Catalog { hall, ..Default::default() },
            discovered: Vec::new(),
            plot_types: HashMap::new(),
            detectors: HashMap::new(),
        };
        state.read_news(db).await?;
        state.read_detectors(db).await?;
        state.read_plot_types(db).await?;
        Ok(state)
    }

    async fn read_news<C: ConnectionTrait>(&mut self, db: &C) -> Result<(), StoreError> {
        for row in news::Entity::find().order_by_asc(news::Column::Position).all(db).await? {
            let since = row.since_us.map(datetime).transpose()?;
            self.catalog.news.push(News { text: row.text, since });
        }
        Ok(())
    }

    async fn read_detectors<C: ConnectionTrait>(&mut self, db: &C) -> Result<(), StoreError> {
        use detector::Column as C;
        let rows = detector::Entity::find().order_by_asc(C::Position).order_by_asc(C::Name);
        for row in rows.all(db).await? {
            let name = name(&row.name)?;
            self.catalog.detector.push(Detector {
                name: name.clone(),
                contact: row.contact.clone(),
                guidance: row.guidance.clone(),
            });
            self.detectors.insert(name, row);
        }
        Ok(())
    }

    async fn read_plot_types<C: ConnectionTrait>(&mut self, db: &C) -> Result<(), StoreError> {
        use plot_type::Column as C;
        let of = |id: i32| self.detectors.iter().find(|(_, row)| row.id == id);
        let rows = plot_type::Entity::find().order_by_asc(C::Position).order_by_asc(C::Name);
        for row in rows.all(db).await? {
            let name = name(&row.name)?;
            match PlotTypeState::from_column(row.state)? {
                PlotTypeState::Discovered => self.discovered.push(name.clone()),
                state => {
                    let detector = row.detector_id.and_then(of).map(|(name, _)| name.clone());
                    let spec: Spec = json::read("a plot type", &row.spec)?;
                    let disabled = state == PlotTypeState::Disabled;
                    let entry = PlotType::of(name.clone(), detector, disabled, spec);
                    self.catalog.plot_type.push(entry);
                }
            }
            self.plot_types.insert(name, row);
        }
        Ok(())
    }
}

/// As in the file.
fn datetime(us: i64) -> Result<toml::value::Datetime, StoreError> {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let unreadable = |e: Box<dyn std::error::Error + Send + Sync>| StoreError::Unreadable {
        what: "the time of a line of news".into(),
        source: e,
    };
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(us) * 1_000)
        .map_err(|error| unreadable(error.into()))?;
    let text = at.format(&Rfc3339).map_err(|error| unreadable(error.into()))?;
    text.parse().map_err(|error: toml::value::DatetimeParseError| unreadable(error.into()))
}
