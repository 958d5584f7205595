//! The database -> one immutable snapshot of what is released for which plot type.

use crate::{
    Database, PlotTypeState, StoreError,
    catalog::Spec,
    counter,
    entity::{alias, model, plot_type},
    id, json,
    release::Alias,
};
use hydra_proto::{
    ModelDigest, PlotTypeName,
    registry::{InputShape, PlotType, Registry, Release},
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Longest wait between two tries to read the registry for the first time.
const RETRY: Duration = Duration::from_secs(5);

/// The registry of this moment.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn registry(db: &Database) -> Result<Registry, StoreError> {
    db.run(|pool| async move {
        // A release between two of the reads below would be seen by half.
        loop {
            let before = counter::current(&pool, counter::GENERATION).await?;
            let plot_types = plot_types(&pool).await?;
            if counter::current(&pool, counter::GENERATION).await? == before {
                let generation = u64::try_from(before).unwrap_or(0);
                return Ok::<_, StoreError>(Registry { generation, plot_types });
            }
        }
    })
    .await
}

async fn plot_types<C: ConnectionTrait>(
    db: &C,
) -> Result<HashMap<PlotTypeName, PlotType>, StoreError> {
    use plot_type::Column as C;
    let rows: Vec<(i32, String, i16, String)> = plot_type::Entity::find()
        .select_only()
        .columns([C::Id, C::Name, C::State, C::Spec])
        .into_tuple()
        .all(db)
        .await?;
    let models = models(db).await?;
    let mut releases = releases(db, &models).await?;
    let mut registry = HashMap::with_capacity(rows.len());
    for (id, name, state, spec) in rows {
        let name: PlotTypeName = name.parse().map_err(|e| StoreError::unreadable("a name", e))?;
        let spec: Spec = json::read("a plot type", &spec)?;
        let entry = PlotType {
            disabled: PlotTypeState::from_column(state)? == PlotTypeState::Disabled,
            active: releases.remove(&(id, Alias::Active)),
            candidate: releases.remove(&(id, Alias::Candidate)),
            bad_labels: spec.bad_labels.into(),
        };
        registry.insert(name, entry);
    }
    Ok(registry)
}

type Inputs = (ModelDigest, Vec<InputShape>);

/// The models that any alias points at.
async fn models<C: ConnectionTrait>(db: &C) -> Result<HashMap<i32, Inputs>, StoreError> {
    use sea_orm::sea_query::Query;
    let aliased = Query::select().column(alias::Column::ModelId).from(alias::Entity).take();
    let rows: Vec<(i32, Vec<u8>, String)> = model::Entity::find()
        .select_only()
        .columns([model::Column::Id, model::Column::Digest, model::Column::Inputs])
        .filter(model::Column::Id.in_subquery(aliased))
        .into_tuple()
        .all(db)
        .await?;
    let mut models = HashMap::with_capacity(rows.len());
    for (id, digest, inputs) in rows {
        models.insert(id, (id::model(&digest)?, json::read("the inputs of a model", &inputs)?));
    }
    Ok(models)
}

async fn releases<C: ConnectionTrait>(
    db: &C,
    models: &HashMap<i32, Inputs>,
) -> Result<HashMap<(i32, Alias), Release>, StoreError> {
    let wanted = [Alias::Active.name(), Alias::Candidate.name()];
    let aliases = alias::Entity::find().filter(alias::Column::Alias.is_in(wanted)).all(db).await?;
    let mut releases = HashMap::with_capacity(aliases.len());
    for row in aliases {
        // a model that an alias got since `models` was read shows in the generation too
        let Some((model, inputs)) = models.get(&row.model_id) else { continue };
        let release = Release {
            model: *model,
            inputs: inputs.clone(),
            thresholds: json::read("the thresholds of a release", &row.thresholds)?,
        };
        releases.insert((row.plot_type_id, row.alias.parse()?), release);
    }
    Ok(releases)
}

/// Reads the registry, and again whenever its generation has changed: after `every`, and at once
/// when something is announced. Waits for the database at first, because a worker that knows no
/// model would call every image `no model`; `None` when `shutdown` comes before.
///
/// While the database is away the last snapshot stays in force.
pub async fn watch_registry<T: Send + Sync + 'static>(
    db: Database,
    every: Duration,
    mut announcements: watch::Receiver<T>,
    shutdown: CancellationToken,
) -> Option<watch::Receiver<Arc<Registry>>> {
    let first = tokio::select! {
        registry = first(&db) => registry,
        () = shutdown.cancelled() => return None,
    };
    let (sender, receiver) = watch::channel(Arc::new(first));
    tokio::spawn(async move {
        let mut announced = true;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(every) => {}
                change = announcements.changed(), if announced => announced = change.is_ok(),
            }
            let known = sender.borrow().generation;
            match newer(&db, known).await {
                Ok(Some(registry)) => {
                    info!(generation = registry.generation, "registry read");
                    sender.send_replace(Arc::new(registry));
                }
                Ok(None) => {}
                Err(error) => {
                    warn!(error = &error as &dyn std::error::Error, "registry not read");
                }
            }
            if sender.is_closed() {
                return;
            }
        }
    });
    Some(receiver)
}

async fn first(db: &Database) -> Registry {
    let mut wait = Duration::from_millis(100);
    loop {
        match registry(db).await {
            Ok(registry) => {
                let plot_types = registry.plot_types.len();
                info!(generation = registry.generation, plot_types, "registry read");
                return registry;
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "waiting for the registry");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY);
    }
}

/// The registry if its generation is not `known`.
async fn newer(db: &Database, known: u64) -> Result<Option<Registry>, StoreError> {
    let now = db.run(|pool| async move { counter::current(&pool, counter::GENERATION).await });
    if u64::try_from(now.await?).unwrap_or(0) == known {
        return Ok(None);
    }
    registry(db).await.map(Some)
}
