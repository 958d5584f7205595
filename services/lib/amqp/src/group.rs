//! Messages that go the same way at the same time travel together.
//!
//! Whoever publishes puts its message with those that wait for the same way. One of them leads:
//! it takes what waits, as much as a group holds, and publishes it. Nobody waits for a group to
//! fill: a single message leaves at once, and while groups are on their way the next one gathers.

use crate::publish::Way;
use hydra_stage::Message;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

/// Most groups on their way at once, and messages of one.
const UNDER_WAY: usize = 8;
const MOST: usize = 64;

/// A message that waits for somebody to lead its group. Dropped untold, its publisher learns that
/// its group says nothing of it.
pub(crate) struct Waiting {
    pub message: Message,
    pub told: oneshot::Sender<()>,
}

/// What its leader publishes together; empty when others have taken all that waited.
pub(crate) struct Group<'a> {
    pub members: Vec<Waiting>,
    _place: Option<SemaphorePermit<'a>>,
}

impl Waiting {
    /// Tells its publisher that it is confirmed.
    pub(crate) fn tell(self) {
        // a publisher that is gone needs no answer
        let _gone = self.told.send(());
    }
}

/// All that wait.
pub(crate) struct Groups {
    places: Semaphore,
    waiting: Mutex<HashMap<Way, VecDeque<Waiting>>>,
}

impl Default for Groups {
    fn default() -> Self {
        Self { places: Semaphore::new(UNDER_WAY), waiting: Mutex::default() }
    }
}

impl Groups {
    /// Puts a message with those that wait for the same way.
    pub(crate) fn join(&self, way: &Way, member: Waiting) {
        self.waiting().entry(way.clone()).or_default().push_back(member);
    }

    /// What waits for a way, once there is a place for a group. Cancelled, it has taken nothing.
    pub(crate) async fn lead(&self, way: &Way) -> Group<'_> {
        // the semaphore is never closed
        let place = self.places.acquire().await.ok();
        let mut waiting = self.waiting();
        let mut members = Vec::new();
        if let Some(all) = waiting.get_mut(way) {
            while members.len() < MOST
                && let Some(member) = all.pop_front()
            {
                // whoever has stopped waiting will publish it again
                if !member.told.is_closed() {
                    members.push(member);
                }
            }
            if all.is_empty() {
                waiting.remove(way);
            }
        }
        Group { members, _place: place }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Way, VecDeque<Waiting>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::WORK;
    use futures::FutureExt;
    use hydra_stage::suite;

    fn way(key: &str) -> Way {
        Way::new(WORK, key, true)
    }

    fn join(groups: &Groups, way: &Way, text: &str) -> oneshot::Receiver<()> {
        let (told, confirmed) = oneshot::channel();
        groups.join(way, Waiting { message: suite::text(text), told });
        confirmed
    }

    #[test]
    fn a_group_holds_what_goes_one_way_and_no_more_than_its_size() {
        let groups = Groups::default();
        let mut confirmed: Vec<_> =
            (0..70).map(|n| join(&groups, &way("a"), &n.to_string())).collect();
        confirmed.push(join(&groups, &way("b"), "other"));
        let lead = |key: &str| groups.lead(&way(key)).now_or_never().unwrap().members.len();
        assert_eq!(["a", "b", "a", "a"].map(lead), [MOST, 1, 70 - MOST, 0]);
        assert!(groups.waiting().is_empty());
    }

    #[test]
    fn whoever_stopped_waiting_is_left_out() {
        let groups = Groups::default();
        drop(join(&groups, &way("a"), "gone"));
        let _confirmed = join(&groups, &way("a"), "waits");
        let group = groups.lead(&way("a")).now_or_never().unwrap();
        assert_eq!(group.members.len(), 1);
        assert_eq!(group.members[0].message.id, suite::text("waits").id);
    }

    #[test]
    fn more_groups_than_there_are_places_gather() {
        let groups = Groups::default();
        let mut confirmed = Vec::new();
        let mut under_way = Vec::new();
        for n in 0..UNDER_WAY {
            confirmed.push(join(&groups, &way("a"), &n.to_string()));
            under_way.push(groups.lead(&way("a")).now_or_never().unwrap());
        }
        for n in 0..5 {
            confirmed.push(join(&groups, &way("a"), &format!("later {n}")));
        }
        assert!(groups.lead(&way("a")).now_or_never().is_none());
        under_way.pop();
        assert_eq!(groups.lead(&way("a")).now_or_never().unwrap().members.len(), 5);
    }
}
