//! Sequences that go on beyond a range in the past, however long they last.

use crate::hall::on_each;
use hydra_store::{
    entity::{plot_type, sequence},
    now_us,
    orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter},
};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_over_a_past_range_is_in_it_first_the_longest_too() {
    on_each(async |served| {
        let asked = served.db.run(|pool| async move {
            let name = plot_type::Column::Name.eq("DC_occupancy");
            let row = plot_type::Entity::find().filter(name).one(&pool).await?;
            let some = sequence::Entity::find().one(&pool).await?;
            Ok::<_, hydra_store::StoreError>((row.unwrap().id, some.unwrap()))
        });
        let (plot_type_id, some) = asked.await.unwrap();
        let to_us = now_us() - 300 * DAY_US;
        // from and to, hours from the end of the range
        let wanted = [(-2_400, 700), (-48, 30), (-5, 20), (-3, -1), (1, 2), (-90, -80)];
        let rows = wanted.iter().enumerate().map(|(n, (first, last))| {
            let row = sequence::Model {
                id: vec![n as u8 + 1; 16],
                plot_type_id,
                kind: 2,
                first_us: to_us + first * HOUR_US,
                last_us: to_us + last * HOUR_US,
                end_us: Some(to_us + last * HOUR_US),
                open: false,
                ..some.clone()
            };
            row.into_active_model()
        });
        let rows: Vec<_> = rows.collect();
        let add = served.db.run(move |pool| async move {
            sequence::Entity::insert_many(rows).exec_without_returning(&pool).await
        });
        add.await.unwrap();
        for path in ["/log?", "/incidents?open=false&"] {
            let path = format!("{path}from_us={}&to_us={to_us}", to_us - DAY_US);
            for limit in [1, 2, 100] {
                let found = served.all(&path, limit).await;
                let ids: Vec<&str> = found.iter().map(|one| one["id"].as_str().unwrap()).collect();
                let named = [1_u8, 2, 3, 4].map(|n| format!("{n:02x}").repeat(16));
                assert_eq!(ids, named, "{path}, {limit} a page");
            }
        }
    })
    .await;
}
