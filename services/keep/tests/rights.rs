//! Keep as a database user with the rights of its role.
#![allow(clippy::unwrap_used)]

mod plots;

use hydra_keep::Keep;
use hydra_store::{Database, DatabaseConfig, Role, entity::plot_type, grants};
use hydra_testkit::Engine;
use plots::*;

/// Plot types and models that nobody declared are registered, and their images written, again and
/// again.
#[tokio::test]
async fn the_rights_of_keep_are_enough_for_what_nobody_declared() {
    for engine in [Engine::MariaDb, Engine::Postgres] {
        let (scratch, owner) = fresh(engine).await;
        let name = scratch.url.rsplit('/').next().unwrap().to_owned();
        let user = scratch.user(|user| grants(owner.backend(), Role::Keep, user, &name));
        let db = Database::connect(&DatabaseConfig::at(&user.url)).await.unwrap();
        for round in 0..2 {
            // a keep that remembers nothing
            let keep = Keep::new(db.clone());
            let known = Plot::new("NEW", round, &[BAD]);
            let fresh = Plot::new(&format!("NEW_{round}"), round, &[GOOD]);
            write(&keep, vec![known.message(), known.heatmap(), fresh.message()]).await;
            write(&keep, vec![known.message()]).await;
        }
        assert_eq!(rows::<plot_type::Entity>(&owner).await.len(), 3, "{engine:?}");
        assert_sums_agree(&owner).await;
        db.close().await;
    }
}
