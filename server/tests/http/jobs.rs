//! Jobs and schedules.

use powerjob_common::id::{AppId, JobId};
use powerjob_common::status::InstanceStatus;
use powerjob_common::time::UnixMillis;
use powerjob_server::store::write::{Lane, TriggerWrite, WriteOp, WriteOutcome};
use serde_json::{Value, json};

use crate::support::{NOW, TestServer};

fn nightly(name: &str) -> Value {
    json!({
        "name": name, "processor": "demo", "params": "p", "tag": "night",
        "schedule": {"type": "CRON", "expression": "0 0 3 * * ?", "zone": "Europe/Berlin"},
    })
}

#[actix_web::test]
async fn a_job_is_shown_as_it_was_written() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let answer = server
        .post(&format!("/v1/apps/{app}/jobs"), nightly("nightly"))
        .await;
    let place = answer.header("location").to_owned();
    let created = answer.expect(201);
    assert_eq!(created["appId"], json!(app));
    assert_eq!(created["revision"], 1);
    assert_eq!(created["schedule"]["zone"], "Europe/Berlin");
    assert_eq!(created["enabled"], true);
    assert_eq!(created["concurrency"], 5);
    assert!(
        created["scheduleText"]
            .as_str()
            .is_some_and(|text| text.contains("03:00"))
    );
    assert_eq!(server.get(&place).await.expect(200), created);
}

#[actix_web::test]
async fn the_next_trigger_is_that_of_now_not_of_the_last_save() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}/jobs");
    let created = server.post(&path, nightly("nightly")).await.expect(201);
    let first = created["nextTriggerAt"].as_i64().expect("a time");
    let later = UnixMillis(first + 86_400_000);
    let job = created["id"].as_str().expect("an id");
    let moved = WriteOp::Trigger(Box::new(TriggerWrite {
        app_id: AppId(app.parse().expect("an id")),
        job_id: JobId(job.parse().expect("an id")),
        job_revision: 1,
        expect_next: Some(UnixMillis(first)),
        next: Some(later),
        instances: Vec::new(),
    }));
    let outcomes = server
        .store
        .writer()
        .write(Lane::Express, vec![moved])
        .await;
    assert_eq!(outcomes, Ok(vec![WriteOutcome::Applied]));
    let shown = server.get(&format!("/v1/jobs/{job}")).await.expect(200);
    assert_eq!(shown["nextTriggerAt"], later.0);
}

#[actix_web::test]
async fn a_change_based_on_an_old_revision_is_refused() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let path = format!("/v1/jobs/{job}");
    let mut change = nightly("renamed");
    change["baseRevision"] = json!(1);
    let changed = server.put(&path, change.clone()).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["revision"]),
        (&json!("renamed"), &json!(2))
    );
    let refused = server.put(&path, change.clone()).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (409, "revision-conflict")
    );
    change["baseRevision"] = Value::Null;
    assert_eq!(server.put(&path, change).await.expect(200)["revision"], 3);
}

#[actix_web::test]
async fn jobs_are_switched_copied_and_deleted() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let path = format!("/v1/jobs/{job}");
    let disabled = server
        .post(&format!("{path}/disable"), Value::Null)
        .await
        .expect(200);
    assert_eq!(disabled["enabled"], false);
    let enabled = server
        .post(&format!("{path}/enable"), Value::Null)
        .await
        .expect(200);
    assert_eq!(enabled["enabled"], true);
    let copy = server
        .post(&format!("{path}/copy"), Value::Null)
        .await
        .expect(201);
    assert_eq!(
        (&copy["name"], &copy["enabled"]),
        (&json!("job_COPY"), &json!(false))
    );
    assert_ne!(copy["id"], json!(job));
    server.delete(&path).await.expect(204);
    assert_eq!(server.get(&path).await.problem(), "job-not-found");
    assert_eq!(
        server
            .post(&format!("{path}/runs"), json!({}))
            .await
            .problem(),
        "job-not-found"
    );
}

#[actix_web::test]
async fn a_job_whose_time_is_over_is_not_switched_on() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let mut over = nightly("over");
    over["schedule"]["endAt"] = json!(NOW.0 - 1);
    let jobs = format!("/v1/apps/{app}/jobs");
    let refused = server.post(&jobs, over.clone()).await;
    assert_eq!(refused.problem(), "validation-failed schedule.endAt");
    over["enabled"] = json!(false);
    let job = server.post(&jobs, over).await.expect(201)["id"].clone();
    let path = format!("/v1/jobs/{}/enable", job.as_str().expect("an id"));
    let refused = server.post(&path, Value::Null).await;
    assert_eq!(refused.problem(), "validation-failed schedule.endAt");
}

#[actix_web::test]
async fn lists_are_filtered_sorted_and_paged() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let jobs = format!("/v1/apps/{app}/jobs");
    for name in ["beta", "alpha"] {
        server.job(&app, name).await;
    }
    let failing = server.post(&jobs, nightly("zeta")).await.expect(201)["id"].clone();
    let failing = failing.as_str().expect("an id");
    server
        .instance(&app, failing, 5, InstanceStatus::Failed)
        .await;
    server
        .instance(&app, failing, 6, InstanceStatus::Running)
        .await;
    let names = async |query: &str| -> Vec<String> {
        let page = server.get(&format!("{jobs}?{query}")).await.expect(200);
        let items = page["items"].as_array().expect("items").clone();
        items
            .iter()
            .map(|item| item["job"]["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(names("").await, ["zeta", "alpha", "beta"]);
    assert_eq!(names("sort=name").await, ["alpha", "beta", "zeta"]);
    assert_eq!(names("sort=-name").await, ["zeta", "beta", "alpha"]);
    assert_eq!(names("sort=id").await, ["beta", "alpha", "zeta"]);
    assert_eq!(names("sort=-id").await, ["zeta", "alpha", "beta"]);
    assert_eq!(names("query=ET&sort=name").await, ["beta", "zeta"]);
    assert_eq!(names("tag=night").await, ["zeta"]);
    assert_eq!(names("name=beta").await, ["beta"]);
    assert_eq!(names("enabled=false").await, Vec::<String>::new());
    let page = server
        .get(&format!("{jobs}?sort=name&limit=2"))
        .await
        .expect(200);
    let cursor = page["nextCursor"].as_str().expect("a second page");
    assert_eq!(
        names(&format!("sort=name&limit=2&cursor={cursor}")).await,
        ["zeta"]
    );
    let first = server.get(&jobs).await.expect(200)["items"][0].clone();
    assert_eq!(first["openInstances"], 1);
    assert_eq!(first["recentRuns"][0]["status"], "RUNNING");
    assert_eq!(first["recentRuns"][1]["status"], "FAILED");
}

#[actix_web::test]
async fn the_last_runs_are_bars() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    for id in 1..=3 {
        server
            .instance(&app, &job, id, InstanceStatus::Succeed)
            .await;
    }
    let bars = server
        .get(&format!("/v1/jobs/{job}/runs?limit=2"))
        .await
        .expect(200);
    assert_eq!(bars.as_array().map(Vec::len), Some(2));
    assert_eq!(bars[0]["id"], "3");
    assert_eq!(bars[0]["status"], "SUCCEED");
}

#[actix_web::test]
async fn a_diagnosis_says_what_is_missing() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let found = server
        .get(&format!("/v1/jobs/{job}/diagnosis"))
        .await
        .expect(200);
    assert_eq!(found["canRun"], false);
    assert_eq!(
        found["reasons"],
        json!([{"code": "no-worker", "text": "no worker of this application is connected"}])
    );
}

#[actix_web::test]
async fn schedules_can_be_tried_out() {
    let server = TestServer::start().await;
    let check = async |schedule: Value| {
        let body = json!({"schedule": schedule, "count": 2});
        server.post("/v1/schedules:check", body).await.expect(200)
    };
    let good = check(json!({"type": "CRON", "expression": "0 0 3 * * ?"})).await;
    assert_eq!(
        (&good["valid"], &good["zone"]),
        (&json!(true), &json!("UTC"))
    );
    assert_eq!(good["next"].as_array().map(Vec::len), Some(2));
    let bad = check(json!({"type": "CRON", "expression": "nonsense", "zone": "Moon/Base"})).await;
    assert_eq!(bad["valid"], false);
    assert_eq!(bad["errors"][0]["field"], "schedule.zone");
    assert_eq!(bad["errors"][1]["field"], "schedule.expression");
    let past = check(json!({"type": "FIXED_RATE", "expression": "1000", "endAt": 5})).await;
    assert_eq!(past["errors"][0]["field"], "schedule.endAt");
    let body = json!({"schedule": {"type": "API"}, "count": 101});
    let wrong = server.post("/v1/schedules:check", body).await;
    assert_eq!(wrong.problem(), "validation-failed count");
}
