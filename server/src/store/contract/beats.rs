//! What is kept of beats outlives reports that come twice, and goes with its instance.

use powerjob_common::id::{AppId, InstanceId};
use powerjob_common::status::InstanceStatus;
use powerjob_protocol::wire::beats::{BeatCounts, BeatReport, SubInstance};

use super::Fixture;
use super::build::{apply, ended_state, insert, instance};
use crate::domain::instance::Instance;

fn report(attempt: u32, succeeded: u64) -> BeatReport {
    BeatReport {
        instance_id: 10,
        attempt,
        every_ms: 20,
        first_ms: 1_000,
        last_ms: 2_000,
        counts: BeatCounts {
            succeeded,
            ..BeatCounts::default()
        },
        beats: vec![SubInstance {
            number: 1,
            nominal_ms: 1_000,
            started_at_ms: 1_001,
            finished_at_ms: 1_002,
            status: 4,
            result: "it's a \u{1F40C} \"quote\"".to_owned(),
        }],
    }
}

pub(super) async fn the_last_report_of_each_attempt_is_kept_until_its_instance_goes(
    fixture: Fixture,
) {
    let store = &fixture.store;
    let (app, other) = (AppId(1), AppId(2));
    let kept = async || store.kept_beats(app, InstanceId(10)).await.unwrap();
    let first = vec![
        (app, report(2, 3)),
        (app, report(1, 9)),
        (other, report(1, 1)),
    ];
    store.keep_beats(first).await.unwrap();
    assert_eq!(kept().await, [report(1, 9), report(2, 3)]);
    store.keep_beats(vec![(app, report(2, 4))]).await.unwrap();
    assert_eq!(kept().await, [report(1, 9), report(2, 4)]);
    let ended = Instance {
        state: ended_state(InstanceStatus::Stopped),
        ..instance(10)
    };
    apply(store, vec![insert(ended)]).await;
    let deleted = store.delete_instances(vec![InstanceId(10)]).await.unwrap();
    assert_eq!(deleted, 1);
    assert_eq!(kept().await, []);
}
