//! What is coming, and the rules of jobs about what gets in the way.

use serde_json::{Value, json};

use crate::support::{NOW, TestServer};

const HOUR_MS: i64 = 3_600_000;

fn job(name: &str, schedule: Value) -> Value {
    json!({"name": name, "processor": "demo", "schedule": schedule})
}

#[actix_web::test]
async fn the_calendar_has_the_triggers_of_all_jobs_in_order() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let jobs = format!("/v1/apps/{app}/jobs");
    let at = NOW.0 + 90 * 60_000;
    let every = json!({"type": "FIXED_RATE", "expression": HOUR_MS.to_string()});
    let often = json!({"type": "FIXED_RATE", "expression": "1000"});
    let once = json!({"type": "ONCE", "expression": at.to_string()});
    let mut off = job("off", every.clone());
    off["enabled"] = json!(false);
    let mut ids = Vec::new();
    for job in [
        job("every", every),
        job("often", often),
        job("once", once),
        off,
    ] {
        ids.push(server.post(&jobs, job).await.expect(201)["id"].clone());
    }
    let path = format!("/v1/apps/{app}/calendar?hours=3");
    let calendar = server.get(&path).await.expect(200);
    let triggers = calendar["triggers"].as_array().expect("a list");
    let found: Vec<_> = triggers
        .iter()
        .map(|trigger| (trigger["at"].as_i64().expect("a time"), &trigger["jobName"]))
        .collect();
    let first = found[0].0;
    assert!(first >= NOW.0);
    let (every, once) = (json!("every"), json!("once"));
    let hour = |n: i64| (first + n * HOUR_MS, &every);
    let mut expected = vec![hour(0), hour(1), hour(2), hour(3), (at, &once)];
    expected.retain(|(at, _)| *at <= calendar["until"].as_i64().expect("a time"));
    expected.sort_by_key(|(at, _)| *at);
    assert_eq!(found, expected);
    assert_eq!(calendar["often"][0]["jobName"], "often");
    assert_eq!(calendar["often"].as_array().map(Vec::len), Some(1));
    assert_eq!(calendar["isCut"], false);
    let cut = server.get(&format!("{path}&limit=1")).await.expect(200);
    assert_eq!(
        (cut["triggers"].as_array().map(Vec::len), &cut["isCut"]),
        (Some(1), &json!(true))
    );
    let next = |place: usize| {
        format!(
            "/v1/jobs/{}/triggers?count=2",
            ids[place].as_str().expect("an id")
        )
    };
    let next_of_once = server.get(&next(2)).await.expect(200);
    assert_eq!(next_of_once["next"], json!([at]));
    assert_eq!(server.get(&next(3)).await.expect(200)["next"], json!([]));
    let wrong = server
        .get(&format!("/v1/apps/{app}/calendar?hours=0"))
        .await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.problem().as_str()),
        (400, "invalid-query hours")
    );
}

#[actix_web::test]
async fn rules_come_back_as_they_were_written() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let jobs = format!("/v1/apps/{app}/jobs");
    let mut strict = job("strict", json!({"type": "API"}));
    strict["policy"] =
        json!({"misfire": "CATCH_UP", "catchUp": 3, "overlap": "QUEUE", "jitterMs": 5});
    strict["retry"] = json!({"backOff": "EXPONENTIAL", "delayMs": 500, "jitter": 0.5});
    let created = server.post(&jobs, strict.clone()).await.expect(201);
    let policy = json!({
        "misfire": "CATCH_UP", "catchUp": 3, "overlap": "QUEUE", "queueLimit": 100, "jitterMs": 5,
    });
    assert_eq!(created["policy"], policy);
    let retry = json!({
        "backOff": "EXPONENTIAL", "delayMs": 500, "factor": 2.0, "limitMs": HOUR_MS, "jitter": 0.5,
    });
    assert_eq!(created["retry"], retry);
    strict["policy"] = json!({"overlap": "SKIP", "queueLimit": 3});
    let refused = server.post(&jobs, strict).await;
    assert_eq!(refused.problem(), "validation-failed policy.queueLimit");
    let plain = server
        .post(&jobs, job("plain", json!({"type": "API"})))
        .await
        .expect(201);
    assert_eq!(
        plain["policy"],
        json!({"misfire": "ONCE", "overlap": "ALLOW", "jitterMs": 0})
    );
    assert_eq!(
        plain["retry"],
        json!({"backOff": "FIXED", "delayMs": 10_000, "jitter": 0.0})
    );
}

#[actix_web::test]
async fn a_run_is_not_put_off_twice_or_into_the_past() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let runs = format!("/v1/jobs/{job}/runs");
    for run in [
        json!({"at": NOW.0 + 5_000, "delayMs": 5}),
        json!({"at": NOW.0 - 3_600_000}),
        json!({"at": NOW.0 + 400 * 24 * HOUR_MS}),
    ] {
        let refused = server.post(&runs, run.clone()).await;
        assert_eq!(refused.problem(), "validation-failed at", "{run}");
    }
    server
        .post(&runs, json!({"at": NOW.0 + 5_000}))
        .await
        .expect(201);
}
