//! A catalog file -> rows and events.

use super::{
    change::Change,
    file::{Catalog, PlotType},
    state::{HALL, State},
};
use crate::{
    Database, PlotTypeState, StoreError, counter,
    entity::{catalog_event, detector, news, plot_type, setting},
    incident, json, now_us,
    release::By,
};
use hydra_proto::PlotTypeName;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, DatabaseTransaction, EntityTrait, IntoActiveModel,
    sea_query::OnConflict,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// What [`apply`] did, or [`diff`] would do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Entry by entry, in the order of the file.
    pub changes: Vec<Change>,
    /// Declared plot types that the file does not name and that stay as they are.
    pub not_in_file: Vec<PlotTypeName>,
    /// Plot types that came in by themselves and that the file does not name.
    pub discovered: Vec<PlotTypeName>,
    /// Generation of the registry afterwards.
    pub generation: u64,
}

/// What [`apply`] would do.
///
/// # Errors
/// When the database does not answer.
pub async fn diff(db: &Database, wanted: Catalog, prune: bool) -> Result<Applied, StoreError> {
    db.run(move |pool| async move {
        let plan = Plan::new(State::read(&pool).await?, wanted, prune)?;
        let generation = counter::current(&pool, counter::GENERATION).await?;
        Ok::<_, StoreError>(plan.outcome(generation))
    })
    .await
}

/// Makes the database say what `wanted` says. With `prune`, plot types that it does not name are
/// disabled.
///
/// # Errors
/// When the database does not answer; nothing changed then.
pub async fn apply(
    db: &Database,
    wanted: Catalog,
    prune: bool,
    by: By,
) -> Result<Applied, StoreError> {
    db.transaction(move |txn| {
        let (wanted, by) = (wanted.clone(), by.clone());
        Box::pin(async move {
            counter::lock(txn, counter::GENERATION).await?;
            let plan = Plan::new(State::read(txn).await?, wanted, prune)?;
            let mut generation = counter::current(txn, counter::GENERATION).await?;
            if !plan.changes.is_empty() {
                plan.write(txn, &by).await?;
                generation = counter::next(txn, counter::GENERATION).await?;
            }
            Ok(plan.outcome(generation))
        })
    })
    .await
}

/// The catalog that the database holds; plot types that nobody declared are left out.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn export(db: &Database) -> Result<Catalog, StoreError> {
    db.run(|pool| async move { State::read(&pool).await.map(|state| state.catalog) }).await
}

/// The step from what is to what is wanted.
struct Plan {
    state: State,
    wanted: Catalog,
    changes: Vec<Change>,
    not_in_file: Vec<PlotTypeName>,
}

fn value<T: Serialize>(entry: &T, position: usize) -> Result<Value, StoreError> {
    let mut value = serde_json::to_value(entry)
        .map_err(|error| StoreError::unreadable("an entry of the catalog", error))?;
    if let Some(fields) = value.as_object_mut() {
        fields.insert("position".into(), position.into());
    }
    Ok(value)
}

/// By name, with the place in the list.
fn by_name<T: Serialize>(
    entries: &[T],
    name: impl Fn(&T) -> String,
) -> Result<Vec<(String, Value)>, StoreError> {
    let entry = |(position, entry): (usize, &T)| Ok((name(entry), value(entry, position)?));
    entries.iter().enumerate().map(entry).collect()
}

/// Changes from `before` to `after` by name; those that are only in `before` go if `take_out`.
fn compare(
    kind: &str,
    before: Vec<(String, Value)>,
    after: Vec<(String, Value)>,
    take_out: bool,
) -> Vec<Change> {
    let names: HashSet<String> = after.iter().map(|(name, _)| name.clone()).collect();
    let mut old: HashMap<String, Value> = before.into_iter().collect();
    let mut changes: Vec<Change> = after
        .into_iter()
        .filter_map(|(name, value)| {
            Change::between(format!("{kind} {name}"), old.remove(&name), Some(value))
        })
        .collect();
    if take_out {
        let gone = old.into_iter().filter(|(name, _)| !names.contains(name));
        let mut gone: Vec<Change> = gone
            .map(|(name, value)| Change {
                subject: format!("{kind} {name}"),
                before: Some(value),
                after: None,
            })
            .collect();
        gone.sort_by(|a, b| a.subject.cmp(&b.subject));
        changes.extend(gone);
    }
    changes
}

impl Plan {
    fn new(state: State, mut wanted: Catalog, prune: bool) -> Result<Self, StoreError> {
        let named: HashSet<&PlotTypeName> = wanted.plot_type.iter().map(|p| &p.name).collect();
        let others: Vec<PlotType> = state
            .catalog
            .plot_type
            .iter()
            .filter(|entry| !named.contains(&entry.name))
            .cloned()
            .collect();
        let not_in_file: Vec<_> =
            others.iter().filter(|e| !prune && !e.disabled).map(|e| e.name.clone()).collect();
        wanted.plot_type.extend(others.into_iter().map(|entry| {
            let disabled = entry.disabled || prune;
            PlotType { disabled, ..entry }
        }));
        let kept: HashSet<_> = wanted.detector.iter().map(|d| d.name.clone()).collect();
        let absent = state.catalog.detector.iter().filter(|d| !kept.contains(&d.name));
        wanted.detector.extend(absent.cloned());
        let changes = Self::compare(&state.catalog, &wanted)?;
        Ok(Self { state, wanted, changes, not_in_file })
    }

    fn compare(now: &Catalog, wanted: &Catalog) -> Result<Vec<Change>, StoreError> {
        let hall = |catalog: &Catalog| value(&catalog.hall, 0);
        let mut changes: Vec<Change> =
            Change::between(HALL.to_owned(), Some(hall(now)?), Some(hall(wanted)?))
                .into_iter()
                .collect();
        changes.extend(compare(
            "news",
            by_name(&now.news, |n| n.text.clone())?,
            by_name(&wanted.news, |n| n.text.clone())?,
            true,
        ));
        changes.extend(compare(
            "detector",
            by_name(&now.detector, |d| d.name.to_string())?,
            by_name(&wanted.detector, |d| d.name.to_string())?,
            false,
        ));
        changes.extend(compare(
            "plot type",
            by_name(&now.plot_type, |p| p.name.to_string())?,
            by_name(&wanted.plot_type, |p| p.name.to_string())?,
            false,
        ));
        Ok(changes)
    }

    fn outcome(&self, generation: i64) -> Applied {
        let named: HashSet<&PlotTypeName> =
            self.wanted.plot_type.iter().map(|entry| &entry.name).collect();
        let discovered = self.state.discovered.iter().filter(|name| !named.contains(name));
        Applied {
            changes: self.changes.clone(),
            not_in_file: self.not_in_file.clone(),
            discovered: discovered.cloned().collect(),
            generation: u64::try_from(generation).unwrap_or(0),
        }
    }

    async fn write(&self, txn: &DatabaseTransaction, by: &By) -> Result<(), StoreError> {
        let changed: HashSet<&str> = self.changes.iter().map(|c| c.subject.as_str()).collect();
        if changed.contains(HALL) {
            self.write_hall(txn).await?;
        }
        if changed.iter().any(|subject| subject.starts_with("news ")) {
            self.write_news(txn).await?;
        }
        for (position, entry) in (0..).zip(&self.wanted.detector) {
            if changed.contains(format!("detector {}", entry.name).as_str()) {
                let known = self.state.detectors.get(&entry.name);
                let mut row =
                    known.cloned().map_or_else(Default::default, |r| r.into_active_model());
                row.name = Set(entry.name.to_string());
                row.position = Set(position);
                row.contact = Set(entry.contact.clone());
                row.guidance = Set(entry.guidance.clone());
                detector::ActiveModel::save(row, txn).await?;
            }
        }
        let detectors: HashMap<String, i32> =
            detector::Entity::find().all(txn).await?.into_iter().map(|d| (d.name, d.id)).collect();
        for (position, entry) in (0..).zip(&self.wanted.plot_type) {
            if changed.contains(format!("plot type {}", entry.name).as_str()) {
                self.write_plot_type(txn, entry, position, &detectors).await?;
            }
        }
        self.write_events(txn, by).await
    }

    async fn write_hall(&self, txn: &DatabaseTransaction) -> Result<(), StoreError> {
        let row = setting::ActiveModel {
            name: Set(HALL.to_owned()),
            value: Set(json::write("the hall's settings", &self.wanted.hall)?),
        };
        let newest = OnConflict::column(setting::Column::Name)
            .update_column(setting::Column::Value)
            .to_owned();
        setting::Entity::insert(row).on_conflict(newest).exec_without_returning(txn).await?;
        Ok(())
    }

    async fn write_news(&self, txn: &DatabaseTransaction) -> Result<(), StoreError> {
        news::Entity::delete_many().exec(txn).await?;
        let mut rows = Vec::with_capacity(self.wanted.news.len());
        for (position, entry) in (0..).zip(&self.wanted.news) {
            let since_us = entry.since_us().map_err(|e| StoreError::Refused(e.to_string()))?;
            rows.push(news::ActiveModel {
                position: Set(position),
                text: Set(entry.text.clone()),
                since_us: Set(since_us),
                ..Default::default()
            });
        }
        news::Entity::insert_many(rows).exec_without_returning(txn).await?;
        Ok(())
    }

    async fn write_plot_type(
        &self,
        txn: &DatabaseTransaction,
        entry: &PlotType,
        position: i32,
        detectors: &HashMap<String, i32>,
    ) -> Result<(), StoreError> {
        let known = self.state.plot_types.get(&entry.name);
        let state =
            if entry.disabled { PlotTypeState::Disabled } else { PlotTypeState::Declared } as i16;
        if let Some(known) = known.filter(|known| entry.disabled && known.state != state) {
            incident::end_all(txn, known).await?;
        }
        let mut row = known.cloned().map_or_else(Default::default, |r| r.into_active_model());
        row.name = Set(entry.name.to_string());
        row.detector_id =
            Set(entry.detector.as_ref().and_then(|name| detectors.get(name.as_str()).copied()));
        row.state = Set(state);
        row.position = Set(position);
        row.spec = Set(json::write("a plot type", &entry.spec())?);
        row.updated_us = Set(now_us());
        if known.is_none() {
            row.created_us = Set(now_us());
        }
        plot_type::ActiveModel::save(row, txn).await?;
        Ok(())
    }

    async fn write_events(&self, txn: &DatabaseTransaction, by: &By) -> Result<(), StoreError> {
        let at_us = now_us();
        let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
        for chunk in self.changes.chunks(500) {
            let events = chunk.iter().map(|change| catalog_event::ActiveModel {
                at_us: Set(at_us),
                who: Set(by.who.clone()),
                why: Set(by.why.clone()),
                subject: Set(change.subject.chars().take(192).collect()),
                before: Set(text(&change.before)),
                after: Set(text(&change.after)),
                ..Default::default()
            });
            catalog_event::Entity::insert_many(events).exec_without_returning(txn).await?;
        }
        Ok(())
    }
}
