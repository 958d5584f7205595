//! Releases: names that move from model to model, each move an event with who and why.

use crate::{
    Database, StoreError,
    catalog::Spec,
    counter,
    entity::{alias, model_label, plot_type, release_event},
    incident, json, model, now_us,
};
use hydra_proto::{Label, ModelDigest, PlotTypeName, Threshold};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};
use std::{collections::HashMap, str::FromStr};

/// A name that releases move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alias {
    /// The model whose verdict counts.
    Active,
    /// The model that predicts in the shadow.
    Candidate,
    /// The model that was active before, for a rollback.
    Previous,
}

impl Alias {
    /// As in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Candidate => "candidate",
            Self::Previous => "previous",
        }
    }
}

impl FromStr for Alias {
    type Err = StoreError;
    fn from_str(text: &str) -> Result<Self, StoreError> {
        let all = [Self::Active, Self::Candidate, Self::Previous];
        let found = all.into_iter().find(|alias| alias.name() == text);
        found.ok_or_else(|| StoreError::Refused(format!("{text:?} is no alias of a model")))
    }
}

/// Confidence from which on a label counts as confirmed, by label.
pub type Thresholds = HashMap<Label, Threshold>;

/// What a person does to the releases of a plot type.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Makes a model the one whose verdict counts; the active one becomes `previous`.
    Activate(ModelDigest, Thresholds),
    /// Lets a model predict in the shadow.
    Candidate(ModelDigest, Thresholds),
    /// Active and previous change places.
    Rollback,
    /// Leaves the plot type without a model; the active one becomes `previous`.
    Withdraw,
    /// New thresholds for the active model.
    Threshold(Thresholds),
}

impl Action {
    /// As in column `release_event.action`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Activate(..) => "activate",
            Self::Candidate(..) => "candidate",
            Self::Rollback => "rollback",
            Self::Withdraw => "withdraw",
            Self::Threshold(_) => "threshold",
        }
    }
}

/// Who does something, and why; both are kept with the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// The person's name.
    pub who: String,
    /// In the person's words, may be empty.
    pub why: String,
}

/// One event of a plot type's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at_us: i64,
    /// By whom and why.
    pub by: By,
    /// See [`Action::name`].
    pub action: String,
    /// Row id of the model that is active afterwards; of `candidate` the candidate.
    pub model_id: Option<i32>,
    /// In force afterwards.
    pub thresholds: Thresholds,
}

/// Does `action` and returns the new generation of the registry.
///
/// # Errors
/// [`StoreError::Missing`] and [`StoreError::Refused`] for what cannot be done; nothing changed.
pub async fn release(
    db: &Database,
    plot_type: PlotTypeName,
    action: Action,
    by: By,
) -> Result<u64, StoreError> {
    db.transaction(move |txn| {
        let (plot_type, action, by) = (plot_type.clone(), action.clone(), by.clone());
        Box::pin(async move { Releases::open(txn, plot_type).await?.act(action, by).await })
    })
    .await
}

/// The releases of one plot type, locked against other releases.
struct Releases<'a> {
    txn: &'a DatabaseTransaction,
    plot_type: plot_type::Model,
    now: HashMap<Alias, Target>,
}

#[derive(Clone, Debug, PartialEq)]
struct Target {
    model_id: i32,
    thresholds: Thresholds,
    release_event_id: i64,
    since_us: i64,
}

impl<'a> Releases<'a> {
    async fn open(txn: &'a DatabaseTransaction, name: PlotTypeName) -> Result<Self, StoreError> {
        counter::lock(txn, counter::GENERATION).await?;
        let found = plot_type::Entity::find()
            .filter(plot_type::Column::Name.eq(name.as_str()))
            .one(txn)
            .await?;
        let plot_type = found.ok_or_else(|| StoreError::Missing(format!("plot type {name}")))?;
        let rows = alias::Entity::find()
            .filter(alias::Column::PlotTypeId.eq(plot_type.id))
            .all(txn)
            .await?;
        let mut now = HashMap::new();
        for row in rows {
            let target = Target {
                model_id: row.model_id,
                thresholds: json::read("the thresholds of a release", &row.thresholds)?,
                release_event_id: row.release_event_id,
                since_us: row.since_us,
            };
            now.insert(row.alias.parse()?, target);
        }
        Ok(Self { txn, plot_type, now })
    }

    async fn act(self, action: Action, by: By) -> Result<u64, StoreError> {
        let name = action.name();
        let mut next = self.now.clone();
        let at_us = now_us();
        let new = |model_id, thresholds| Target {
            model_id,
            thresholds,
            release_event_id: 0,
            since_us: at_us,
        };
        match action {
            Action::Activate(digest, thresholds) => {
                let model_id = self.model(&digest, &thresholds).await?;
                if next.get(&Alias::Candidate).is_some_and(|t| t.model_id == model_id) {
                    next.remove(&Alias::Candidate);
                }
                let before = next.insert(Alias::Active, new(model_id, thresholds));
                if let Some(before) = before.filter(|before| before.model_id != model_id) {
                    next.insert(Alias::Previous, before);
                }
            }
            Action::Candidate(digest, thresholds) => {
                let model_id = self.model(&digest, &thresholds).await?;
                if next.get(&Alias::Active).is_some_and(|t| t.model_id == model_id) {
                    return Err(StoreError::Refused(format!("model {digest} is active already")));
                }
                next.insert(Alias::Candidate, new(model_id, thresholds));
            }
            Action::Rollback => {
                let name = &self.plot_type.name;
                let back = next.remove(&Alias::Previous).ok_or_else(|| {
                    StoreError::Refused(format!("plot type {name} has no previous model"))
                })?;
                if let Some(before) = next.insert(Alias::Active, Target { since_us: at_us, ..back })
                {
                    next.insert(Alias::Previous, before);
                }
            }
            Action::Withdraw => {
                let before = next.remove(&Alias::Active).ok_or_else(|| self.no_active())?;
                next.insert(Alias::Previous, before);
                incident::end_all(self.txn, &self.plot_type).await?;
            }
            Action::Threshold(thresholds) => {
                let active = next.get_mut(&Alias::Active).ok_or_else(|| self.no_active())?;
                self.known(active.model_id, &thresholds).await?;
                active.thresholds = thresholds;
            }
        }
        self.write(next, name, by, at_us).await
    }

    fn no_active(&self) -> StoreError {
        StoreError::Refused(format!("plot type {} has no active model", self.plot_type.name))
    }

    /// The row id of a model that knows the labels of all `thresholds`.
    async fn model(
        &self,
        digest: &ModelDigest,
        thresholds: &Thresholds,
    ) -> Result<i32, StoreError> {
        let row = model::row_of(self.txn, digest).await?;
        let row = row.ok_or_else(|| StoreError::Missing(format!("model {digest}")))?;
        self.fits(&row).await?;
        self.known(row.id, thresholds).await?;
        Ok(row.id)
    }

    /// Refuses a model that says labels which the catalog does not give the plot type: they would
    /// raise no alarm and no expert could set them.
    async fn fits(&self, model: &crate::entity::model::Model) -> Result<(), StoreError> {
        let spec: Spec = json::read("a plot type", &self.plot_type.spec)?;
        // one of what is normal says Good or that it is new
        let normal = model.evaluation.as_deref().is_some_and(|text| {
            serde_json::from_str::<serde_json::Value>(text)
                .is_ok_and(|evaluation| evaluation.get("normality").is_some())
        });
        if spec.labels.is_empty() || normal {
            return Ok(());
        }
        let labels = self.labels_of(model.id).await?;
        let known = |label: &String| spec.labels.iter().any(|known| known.as_str() == label);
        let Some(stranger) = labels.iter().find(|label| !known(label)) else { return Ok(()) };
        let name = &self.plot_type.name;
        let known: Vec<&str> = spec.labels.iter().map(Label::as_str).collect();
        Err(StoreError::Refused(format!(
            "the model says {stranger}, which is no label of plot type {name} ({}): \
             `hydra catalog` declares them",
            known.join(", ")
        )))
    }

    async fn labels_of(&self, model_id: i32) -> Result<Vec<String>, StoreError> {
        let labels = model_label::Entity::find()
            .select_only()
            .column(model_label::Column::Label)
            .filter(model_label::Column::ModelId.eq(model_id))
            .into_tuple()
            .all(self.txn)
            .await?;
        Ok(labels)
    }

    /// Refuses thresholds for labels that the model does not know: they would never apply.
    async fn known(&self, model_id: i32, thresholds: &Thresholds) -> Result<(), StoreError> {
        let labels = self.labels_of(model_id).await?;
        let unknown = thresholds.keys().find(|label| !labels.iter().any(|l| l == label.as_str()));
        unknown.map_or(Ok(()), |label| {
            let known = labels.join(", ");
            Err(StoreError::Refused(format!("the model knows no label {label}; it knows {known}")))
        })
    }

    async fn write(
        self,
        mut next: HashMap<Alias, Target>,
        action: &str,
        by: By,
        at_us: i64,
    ) -> Result<u64, StoreError> {
        let subject = if action == "candidate" { Alias::Candidate } else { Alias::Active };
        let in_force = next.get(&subject);
        let thresholds = in_force.map(|target| target.thresholds.clone()).unwrap_or_default();
        let event = release_event::ActiveModel {
            at_us: Set(at_us),
            who: Set(by.who),
            why: Set(by.why),
            plot_type_id: Set(self.plot_type.id),
            action: Set(action.to_owned()),
            model_id: Set(in_force.map(|target| target.model_id)),
            thresholds: Set(json::write("thresholds", &thresholds)?),
            ..Default::default()
        };
        let event = release_event::Entity::insert(event).exec(self.txn).await?.last_insert_id;
        if let Some(target) = next.get_mut(&subject) {
            target.release_event_id = event;
        }
        for alias in [Alias::Active, Alias::Candidate, Alias::Previous] {
            let (before, after) = (self.now.get(&alias), next.get(&alias));
            match after {
                _ if before == after => {}
                Some(target) => self.point(alias, target).await?,
                None => {
                    let key = (self.plot_type.id, alias.name().to_owned());
                    alias::Entity::delete_by_id(key).exec(self.txn).await?;
                }
            }
        }
        let generation = counter::next(self.txn, counter::GENERATION).await?;
        Ok(u64::try_from(generation).unwrap_or(0))
    }

    async fn point(&self, alias: Alias, target: &Target) -> Result<(), StoreError> {
        use alias::Column as C;
        let row = alias::ActiveModel {
            plot_type_id: Set(self.plot_type.id),
            alias: Set(alias.name().to_owned()),
            model_id: Set(target.model_id),
            thresholds: Set(json::write("thresholds", &target.thresholds)?),
            release_event_id: Set(target.release_event_id),
            since_us: Set(target.since_us),
        };
        let moved = OnConflict::columns([C::PlotTypeId, C::Alias])
            .update_columns([C::ModelId, C::Thresholds, C::ReleaseEventId, C::SinceUs])
            .to_owned();
        alias::Entity::insert(row).on_conflict(moved).exec_without_returning(self.txn).await?;
        Ok(())
    }
}

/// The release history of a plot type, newest first, at most `limit` events.
///
/// # Errors
/// [`StoreError::Missing`], or when the database does not answer.
pub async fn history(
    db: &Database,
    plot_type: PlotTypeName,
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    db.run(move |pool| async move {
        let id = crate::plot_type::id(&pool, &plot_type).await?;
        let rows = release_event::Entity::find()
            .filter(release_event::Column::PlotTypeId.eq(id))
            .order_by_desc(release_event::Column::Id)
            .limit(limit)
            .all(&pool)
            .await?;
        let read = |row: release_event::Model| {
            Ok(Event {
                at_us: row.at_us,
                by: By { who: row.who, why: row.why },
                action: row.action,
                model_id: row.model_id,
                thresholds: json::read("the thresholds of a release", &row.thresholds)?,
            })
        };
        rows.into_iter().map(read).collect::<Result<_, StoreError>>()
    })
    .await
}
