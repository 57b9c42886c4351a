//! What people who watch see of a session.

use std::time::Duration;

use powerjob_common::actor::{Outcome, TapFilter, TapRecord, TapStream};
use powerjob_common::id::InstanceId;
use powerjob_protocol::wire::node::TapRecords;
use powerjob_session::ErrorCode;

use crate::harness::*;
use crate::talk::stop;

fn everything() -> TapFilter {
    TapFilter {
        bodies: true,
        ..TapFilter::default()
    }
}

async fn seen(stream: &mut TapStream) -> TapRecord {
    soon(stream.next()).await.unwrap()
}

fn route(record: &TapRecord) -> [&str; 3] {
    [&record.from, &record.to, &record.kind]
}

#[tokio::test]
async fn both_sides_see_question_and_answer() {
    let pair = pair().await;
    let mut at_server = pair.server.scope.tap().watch(everything(), 100);
    let mut at_worker = pair.worker_scope.tap().watch(everything(), 100);
    let asked = pair
        .at_server
        .ask("taskTracker", "instances/0", &stop(5), ASK_LIMIT)
        .await;
    assert!(asked.is_ok());
    for stream in [&mut at_server, &mut at_worker] {
        let question = seen(stream).await;
        assert_eq!(
            route(&question),
            [
                "server s1/instances/0",
                "worker w1/taskTracker",
                "StopInstances"
            ]
        );
        assert_eq!(question.instances, [InstanceId(5)]);
        assert_eq!(question.body.unwrap()["items"][0]["instance_id"], 5);
        assert!(question.size_bytes > 56);
        let answer = seen(stream).await;
        assert_eq!(
            route(&answer),
            [
                "worker w1/taskTracker",
                "server s1/instances/0",
                "StopAnswers"
            ]
        );
        assert_eq!(answer.outcome, Outcome::Ok);
    }
}

#[tokio::test]
async fn the_asker_sees_the_round_trip() {
    let pair = pair().await;
    let mut at_server = pair.server.scope.tap().watch(everything(), 100);
    pair.at_server
        .ask("worker", "x", &stop(5), ASK_LIMIT)
        .await
        .unwrap();
    assert_eq!(seen(&mut at_server).await.handling_us, 0);
    let answer = seen(&mut at_server).await;
    let round_trip = Duration::from_micros(answer.handling_us);
    assert!(!round_trip.is_zero() && round_trip < ASK_LIMIT);
}

#[tokio::test]
async fn errors_and_the_life_of_sessions_are_kept_though_nobody_watches() {
    let mut pair = pair().await;
    let refused = pair.at_worker.ask("nobody", "x", &stop(5), ASK_LIMIT).await;
    assert!(refused.is_err());
    pair.at_server.close(ErrorCode::DRAINING, "enough");
    while !matches!(next(&mut pair.worker_events).await, Event::Closed(_)) {}
    let recent = pair.worker_scope.tap().recent(&TapFilter::default());
    let routes: Vec<_> = recent.iter().map(route).collect();
    assert_eq!(
        routes,
        [
            ["server s1", "worker w1", "SessionOpened"],
            ["server s1/nobody", "worker w1/x", "StopAnswers"],
            ["server s1", "worker w1", "SessionClosed"],
        ]
    );
    assert_eq!(recent[1].outcome, Outcome::Failed);
}

#[tokio::test]
async fn the_records_of_the_tap_are_not_shown_themselves() {
    let mut pair = pair().await;
    let mut at_worker = pair.worker_scope.tap().watch(everything(), 100);
    let records = TapRecords {
        watch_id: 1,
        dropped: 0,
        records: vec![],
    };
    pair.at_worker.tell("node", "node", &records).unwrap();
    assert!(matches!(
        next(&mut pair.server.events).await,
        Event::Told(..)
    ));
    pair.at_worker
        .ask("server", "x", &stop(5), ASK_LIMIT)
        .await
        .unwrap();
    assert_eq!(seen(&mut at_worker).await.kind, "StopInstances");
}
