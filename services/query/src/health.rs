//! Signs of life -> how Hydra itself is, what that means and what to do: pure functions.

use crate::{
    api::{Health, Histogram, Instance, LoadedModel, PartHealth, Pipeline, RoleHealth},
    follow::{Lags, SILENT_US},
};
use hydra_store::{LATENCY_BOUNDS_MS, heartbeat, read::Heard};
use std::time::Duration;

/// The stages that every image passes.
pub const PIPELINE: [&str; 4] = ["ingest", "resize", "infer", "keep"];

/// Further behind than this is slow.
const SLOW_S: f64 = 5.0;
/// Images that waited for so long while none was taken do not wait for their turn.
const STANDS_S: f64 = 20.0;

struct Role {
    name: &'static str,
    purpose: &'static str,
    /// What is missing while it is away.
    without: &'static str,
    /// Whether verdicts come without it.
    optional: bool,
}

/// The role that answers: it is alive whenever it is asked.
pub const QUERY: &str = "query";

const ROLES: [Role; 7] = [
    Role {
        name: "ingest",
        purpose: "Takes plots from producers and stores them before it says yes.",
        without: "No new plot comes in; producers wait or keep theirs.",
        optional: false,
    },
    Role {
        name: "resize",
        purpose: "Decodes each plot and makes the pixels that the models need.",
        without: "Plots wait in its queue; no verdict is made.",
        optional: false,
    },
    Role {
        name: "infer",
        purpose: "Asks the models what each plot shows.",
        without: "Plots wait in its queue; no verdict is made.",
        optional: false,
    },
    Role {
        name: "gradcam",
        purpose: "Draws the heat map that says why.",
        without: "Verdicts come without heat maps.",
        optional: true,
    },
    Role {
        name: "keep",
        purpose: "Writes verdicts to the database and keeps the alarm state.",
        without: "Verdicts wait in its queue; these pages stand still.",
        optional: false,
    },
    Role {
        name: "train",
        purpose: "Trains models from labels.",
        without: "No model is trained. Data taking does not need it.",
        optional: true,
    },
    Role {
        name: QUERY,
        purpose: "Answers these pages and programs. It may only read, so it leaves no sign of \
                  life: of its instances you see the one that answers you.",
        without: "You would not read this.",
        optional: false,
    },
];

fn is_alive(one: &Heard, now_us: i64) -> bool {
    now_us - one.beat_us <= SILENT_US
}

fn of<'a>(heard: &'a [Heard], role: &'a str) -> impl Iterator<Item = &'a Heard> + Clone {
    heard.iter().filter(move |one| one.beat.role == role)
}

/// What waits between the door and the database.
pub fn pipeline(heard: &[Heard], lags: &Lags, now_us: i64) -> Pipeline {
    let lags = lags.seconds();
    let lag_s = PIPELINE.iter().filter_map(|role| lags.get(role).copied()).reduce(f64::max);
    let silent = |role: &&str| !of(heard, role).any(|one| is_alive(one, now_us));
    Pipeline {
        waiting: PIPELINE.iter().filter_map(|role| depth(heard, role, now_us)).sum(),
        lag_s,
        silent: PIPELINE.iter().filter(|role| silent(role)).map(|r| (*r).to_owned()).collect(),
    }
}

/// Waiting in the queue of a role, as its instances saw it last.
fn depth(heard: &[Heard], role: &str, now_us: i64) -> Option<u64> {
    let alive = of(heard, role).filter(|one| is_alive(one, now_us));
    alive.filter_map(|one| one.beat.body.queues.get(role)).map(|queue| queue.ready).max()
}

/// Every role, whether or not it has ever started.
pub fn roles(heard: &[Heard], lags: &Lags, now_us: i64) -> Vec<RoleHealth> {
    let (seconds, rates, standing) = (lags.seconds(), lags.rates(), lags.standing(now_us));
    ROLES
        .iter()
        .map(|role| {
            let pace = Pace {
                lag_s: seconds.get(role.name).copied(),
                stood_s: standing.get(role.name).copied().unwrap_or(0.0),
            };
            let health = role_health(role, heard, pace, now_us);
            RoleHealth { images_per_s: rates.get(role.name).copied(), ..health }
        })
        .collect()
}

/// Of a role that cannot report now, however it was before.
pub fn unknown(role: &mut RoleHealth) {
    role.health = Health::Unknown;
    role.meaning = "The database does not answer, so nobody hears how this role is.".to_owned();
    role.advice = String::new();
}

/// How a stage gets on.
struct Pace {
    /// From arrival until it took an image, a mean over the last minute; none where it took none.
    lag_s: Option<f64>,
    /// For so long images have waited and it took none.
    stood_s: f64,
}

fn role_health(role: &Role, heard: &[Heard], pace: Pace, now_us: i64) -> RoleHealth {
    let all = of(heard, role.name);
    let alive: Vec<&Heard> = all.clone().filter(|one| is_alive(one, now_us)).collect();
    let newest_us = all.clone().map(|one| one.beat_us).max();
    let queue_depth = depth(heard, role.name, now_us);
    let verdict = judge(role, &alive, newest_us, queue_depth, &pace, now_us);
    RoleHealth {
        role: role.name.to_owned(),
        purpose: role.purpose.to_owned(),
        health: verdict.health,
        meaning: verdict.meaning,
        advice: verdict.advice,
        alive_since_us: alive.iter().map(|one| one.beat.started_us).min(),
        heartbeat_at_us: newest_us,
        instances: all.map(|one| instance(one, now_us)).collect(),
        queue_depth,
        lag_s: pace.lag_s,
        images_per_s: None,
        work: work(&alive, role.name),
    }
}

fn instance(one: &Heard, now_us: i64) -> Instance {
    let loaded = one.beat.body.models.iter().map(|held| LoadedModel {
        model: held.model.clone(),
        memory_bytes: held.bytes,
        shared_bytes: held.shared_bytes,
        since_us: held.since_us,
    });
    Instance {
        instance: one.beat.instance.clone(),
        version: one.beat.version.clone(),
        started_at_us: one.beat.started_us,
        heartbeat_at_us: one.beat_us,
        alive: is_alive(one, now_us),
        models: loaded.collect(),
    }
}

struct Judgement {
    health: Health,
    meaning: String,
    advice: String,
}

fn judge(
    role: &Role,
    alive: &[&Heard],
    newest_us: Option<i64>,
    queue_depth: Option<u64>,
    pace: &Pace,
    now_us: i64,
) -> Judgement {
    let name = role.name;
    let start = format!("Start it: hydra run {name}.");
    let Some(newest_us) = newest_us else {
        let health = if role.optional { Health::Never } else { Health::Down };
        let meaning = format!("{name} has not reported here in a week or ever. {}", role.without);
        return Judgement { health, meaning, advice: start };
    };
    if alive.is_empty() {
        let ago = ago(now_us - newest_us);
        let meaning = format!("{name} has not reported for {ago}. {}", role.without);
        let advice = format!("{start} Its log says why it ended.");
        return Judgement { health: Health::Down, meaning, advice };
    }
    let troubles: Vec<String> = alive
        .iter()
        .flat_map(|one| &one.beat.body.components)
        .filter_map(|(component, trouble)| Some(format!("{component}: {}", trouble.as_ref()?)))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if alive.iter().all(|one| !one.beat.ready) {
        let why = if troubles.is_empty() {
            "It does not say why.".to_owned()
        } else {
            troubles.join("; ")
        };
        return Judgement {
            health: Health::Down,
            meaning: format!("{name} runs but cannot work. {} {why}", role.without),
            advice: format!("hydra doctor, on the machine of {name}, says what to do."),
        };
    }
    let waiting = queue_depth.unwrap_or(0);
    if waiting > 0 && pace.stood_s >= STANDS_S {
        let stood = ago((pace.stood_s * 1e6) as i64);
        return Judgement {
            health: Health::Down,
            meaning: format!(
                "{name} runs but has taken nothing for {stood}, and {waiting} images wait. {}",
                role.without
            ),
            advice: format!("Start {name} again; its log and hydra doctor say what it waits for."),
        };
    }
    if waiting > 0 && pace.lag_s.is_some_and(|lag| lag > SLOW_S) {
        let lag = ago((pace.lag_s.unwrap_or(0.0) * 1e6) as i64);
        return Judgement {
            health: Health::Slow,
            meaning: format!("{name} is {lag} behind arrival, and {waiting} images wait."),
            advice: format!(
                "Start another one: hydra run {name}. If that does not help, see whether its \
                 machine is overloaded."
            ),
        };
    }
    if !troubles.is_empty() {
        return Judgement {
            health: Health::Slow,
            meaning: format!("{name} works, but not all of it: {}", troubles.join("; ")),
            advice: format!("hydra doctor, on the machine of {name}, says what to do."),
        };
    }
    Judgement { health: Health::Well, meaning: String::new(), advice: String::new() }
}

fn ago(us: i64) -> String {
    match us / 1_000_000 {
        s if s < 100 => format!("{s} s"),
        s if s < 6_000 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

fn work(alive: &[&Heard], role: &str) -> Option<Histogram> {
    let stages = alive.iter().filter_map(|one| one.beat.body.stages.get(role));
    let works: Vec<&heartbeat::Histogram> = stages.map(|vitals| &vitals.work).collect();
    if works.is_empty() {
        return None;
    }
    let mut counts = vec![0; LATENCY_BOUNDS_MS.len() + 1];
    for work in &works {
        for (sum, count) in counts.iter_mut().zip(&work.counts) {
            *sum += count;
        }
    }
    Some(histogram(counts, works.iter().map(|work| work.sum_us).sum()))
}

/// Counts between [`LATENCY_BOUNDS_MS`] as the API says them.
pub fn histogram(counts: Vec<u64>, sum_us: u64) -> Histogram {
    let total: u64 = counts.iter().sum();
    Histogram {
        edges_ms: LATENCY_BOUNDS_MS.map(|ms| ms as f64).to_vec(),
        mean_ms: if total == 0 { 0.0 } else { sum_us as f64 / 1e3 / total as f64 },
        counts,
    }
}

/// The database, as the follower found it.
pub fn database(read_at_us: i64, took: Duration, now_us: i64) -> PartHealth {
    let silent_us = now_us - read_at_us;
    let ms = took.as_secs_f64() * 1e3;
    let (health, meaning, advice) = if read_at_us == 0 {
        (Health::Down, "It has not answered since this service started.".to_owned(), DATABASE)
    } else if silent_us > 5_000_000 {
        (Health::Down, format!("It has not answered for {}.", ago(silent_us)), DATABASE)
    } else if ms > 1_000.0 {
        (Health::Slow, format!("It took {ms:.0} ms to say what is new."), DATABASE)
    } else {
        (Health::Well, format!("It said what is new in {ms:.1} ms."), "")
    };
    part("database", health, meaning, advice)
}

const DATABASE: &str = "See whether its server runs and has room; hydra doctor says more.";

/// The blob store, as a look into it found it.
pub fn blob_store(looked: Result<Duration, String>) -> PartHealth {
    match looked {
        Ok(took) => {
            let ms = took.as_secs_f64() * 1e3;
            part("blob store", Health::Well, format!("It answered in {ms:.1} ms."), "")
        }
        Err(why) => part(
            "blob store",
            Health::Down,
            format!("It does not answer: {why}."),
            "Pictures are missing until it does; hydra doctor says more.",
        ),
    }
}

/// The broker, as the roles that stand on it say.
pub fn broker(heard: &[Heard], now_us: i64) -> PartHealth {
    let alive = heard.iter().filter(|one| is_alive(one, now_us));
    let trouble = alive
        .clone()
        .flat_map(|one| &one.beat.body.components)
        .filter(|(component, _)| component.starts_with("broker"))
        .find_map(|(_, trouble)| trouble.as_ref());
    let queues = alive.filter(|one| !one.beat.body.queues.is_empty()).count();
    if let Some(trouble) = trouble {
        let advice = "See whether RabbitMQ runs and has room; hydra doctor says more.";
        return part("broker", Health::Down, trouble.clone(), advice);
    }
    if queues > 0 {
        return part("broker", Health::Well, format!("{queues} roles see their queues."), "");
    }
    part("broker", Health::Never, "No role has said how its queue is.".to_owned(), "")
}

fn part(name: &str, health: Health, meaning: String, advice: &str) -> PartHealth {
    PartHealth { part: name.to_owned(), health, meaning, advice: advice.to_owned() }
}

#[cfg(test)]
mod tests;
