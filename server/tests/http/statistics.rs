//! How runs fared.

use powerjob_common::id::InstanceId;
use powerjob_common::instance_id::created_at;
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use serde_json::json;

use crate::stand_in;
use crate::support::{NOW, TestServer, instance};

/// Ids carry their time: these are of now.
fn id(number: i64) -> i64 {
    ((NOW.0 - created_at(InstanceId(0)).0) << 22) + number
}

#[actix_web::test]
async fn the_runs_of_a_day_are_summed_up() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let (good, bad) = (
        server.job(&app, "good").await,
        server.job(&app, "bad").await,
    );
    for (number, job, status, took_ms) in [
        (1, &good, InstanceStatus::Succeed, 400),
        (2, &bad, InstanceStatus::Failed, 30),
        (3, &bad, InstanceStatus::Failed, 50),
        (4, &bad, InstanceStatus::Succeed, 70),
    ] {
        let mut run = instance(&app, job, id(number), status);
        run.state.started_at = Some(UnixMillis(NOW.0 + number));
        run.state.finished_at = Some(UnixMillis(NOW.0 + number + took_ms));
        stand_in::insert(&server.store, run).await;
    }
    // made long ago
    server.instance(&app, &bad, 7, InstanceStatus::Failed).await;
    let found = server
        .get(&format!("/v1/apps/{app}/statistics"))
        .await
        .expect(200);
    assert_eq!(found["isCut"], false);
    let hours = found["hours"].as_array().expect("hours");
    assert_eq!(hours.len(), 24);
    let present = NOW.0 - NOW.0 % 3_600_000;
    assert_eq!(
        hours[23],
        json!({"from": present, "succeeded": 2, "failed": 2})
    );
    assert_eq!(
        hours[0],
        json!({"from": present - 23 * 3_600_000, "succeeded": 0, "failed": 0})
    );
    assert_eq!(
        found["lateness"],
        json!({"count": 4, "p50Ms": 2, "p99Ms": 4, "maxMs": 4})
    );
    assert_eq!(
        found["failing"],
        json!([{
            "jobId": bad, "jobName": "bad", "ended": 3, "failed": 2,
            "durations": {"count": 3, "p50Ms": 50, "p99Ms": 70, "maxMs": 70},
        }])
    );
    let slowest = found["slowest"].as_array().expect("jobs");
    let names: Vec<_> = slowest.iter().map(|job| &job["jobName"]).collect();
    assert_eq!(names, [&json!("good"), &json!("bad")]);
}
