//! Applications.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::instance_id::InstanceIdGenerator;
use powerjob_common::status::{InstanceStatus, Role, RoleScope};
use serde_json::{Value, json};

use crate::support::{NOW, TestServer};

#[actix_web::test]
async fn a_new_application_belongs_to_its_creator() {
    let server = TestServer::start().await;
    let alice = server.person("alice", None).await;
    let body = json!({"name": "billing", "title": "Bills", "tags": ["money"]});
    let answer = server.send(&alice, Method::POST, "/v1/apps", body).await;
    let place = answer.header("location").to_owned();
    assert_eq!(answer.header("cache-control"), "no-store");
    let created = answer.expect(201);
    assert_eq!(
        created["workerSecret"].as_str().expect("a secret").len(),
        43
    );
    assert_eq!(
        created["app"]["permissions"],
        json!(["READ", "WRITE", "OPS", "SU"])
    );
    let shown = server
        .send(&alice, Method::GET, &place, Value::Null)
        .await
        .expect(200);
    assert_eq!(shown, created["app"]);
    assert_eq!(shown["createdAt"], NOW.0);
    assert_eq!(shown["health"]["workersOnline"], 0);
}

#[actix_web::test]
async fn names_are_unique_and_well_formed() {
    let server = TestServer::start().await;
    server.app("billing").await;
    let again = server.post("/v1/apps", json!({"name": "billing"})).await;
    assert_eq!(
        (again.status.as_u16(), again.problem().as_str()),
        (409, "app-name-taken")
    );
    let wrong = server
        .post("/v1/apps", json!({"name": "a b", "tags": [""]}))
        .await;
    let expected = (422, "validation-failed name tags[0]");
    assert_eq!((wrong.status.as_u16(), wrong.problem().as_str()), expected);
}

#[actix_web::test]
async fn people_see_only_what_they_may_read() {
    let server = TestServer::start().await;
    let seen = server.app("seen").await.parse().expect("an id");
    server.app("hidden").await;
    let token = server
        .person("olga", Some((RoleScope::App, seen, Role::Observer)))
        .await;
    let page = server
        .send(&token, Method::GET, "/v1/apps", Value::Null)
        .await
        .expect(200);
    assert_eq!(page["total"], 1);
    assert_eq!(page["items"][0]["name"], "seen");
    assert_eq!(server.get("/v1/apps").await.expect(200)["total"], 2);
}

#[actix_web::test]
async fn lists_are_filtered_paged_and_show_failing_ones_first() {
    let server = TestServer::start().await;
    for name in ["alpha", "beta", "gamma"] {
        server.app(name).await;
    }
    let gamma = server.get("/v1/apps?name=gamma").await.expect(200)["items"][0]["id"].clone();
    let gamma = gamma.as_str().expect("an id");
    let job = server.job(gamma, "job").await;
    // Its id says when it was made: lately.
    let id = InstanceIdGenerator::new(1, 1).next(NOW).0;
    server
        .instance(gamma, &job, id, InstanceStatus::Failed)
        .await;
    let first = server.get("/v1/apps?limit=2").await.expect(200);
    assert_eq!(first["items"][0]["name"], "gamma");
    assert_eq!(first["items"][0]["health"]["failedLastDay"], 1);
    assert_eq!(first["items"][1]["name"], "alpha");
    let cursor = first["nextCursor"].as_str().expect("a second page");
    let second = server
        .get(&format!("/v1/apps?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(second["items"][0]["name"], "beta");
    assert_eq!(second["nextCursor"], Value::Null);
    assert_eq!(
        server.get("/v1/apps?query=ALPH").await.expect(200)["total"],
        1
    );
    assert_eq!(
        server.get("/v1/apps?tag=none").await.expect(200)["total"],
        0
    );
}

#[actix_web::test]
async fn changes_leave_what_they_do_not_name() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}");
    let change = async |body: Value| {
        server
            .send(&server.admin, Method::PATCH, &path, body)
            .await
            .expect(200)
    };
    assert_eq!(change(json!({"title": "One"})).await["title"], "One");
    let changed = change(json!({"tags": ["x", "y"]})).await;
    assert_eq!(
        (&changed["title"], &changed["tags"]),
        (&json!("One"), &json!(["x", "y"]))
    );
    let wrong = server
        .send(&server.admin, Method::PATCH, &path, json!({"name": "b"}))
        .await;
    assert_eq!(wrong.problem(), "validation-failed name");
}

#[actix_web::test]
async fn the_secret_can_be_replaced() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let id = powerjob_common::id::AppId(app.parse().expect("an id"));
    let path = format!("/v1/apps/{app}/secret");
    let renewed = server.post(&path, Value::Null).await.expect(200);
    let secrets = server.store.app_secrets(id).await.expect("secrets");
    assert_eq!(secrets.len(), 1);
    assert_eq!(renewed["workerSecret"], json!(secrets[0].value.expose()));
}

#[actix_web::test]
async fn programs_sign_in_with_the_password_that_a_person_set() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}/client-password");
    let sign_in = async |password: &str| {
        let form = json!({"appName": "a", "encryptedPassword": password, "encryptType": "none"});
        let request = TestRequest::post().uri("/openApi/authApp").set_json(form);
        server.call(request).await.json()["success"].clone()
    };
    assert_eq!(sign_in("pw").await, false, "it has none");
    let set = server.post(&path, json!({"password": "pw"})).await;
    assert_eq!(set.header("cache-control"), "no-store");
    assert_eq!(set.expect(200)["clientPassword"], "pw");
    assert_eq!(sign_in("pw").await, true);
    let made = server.post(&path, json!({})).await.expect(200);
    let made = made["clientPassword"].as_str().expect("a password");
    assert_eq!(sign_in("pw").await, false, "the former one has ended");
    assert_eq!(sign_in(made).await, true);
    for password in ["", " ", &"x".repeat(129)] {
        let refused = server.post(&path, json!({"password": password})).await;
        assert_eq!(refused.problem(), "validation-failed password");
    }
    let longest = "\u{4e2d}".repeat(42);
    server
        .post(&path, json!({"password": longest}))
        .await
        .expect(200);
    assert_eq!(sign_in(&longest).await, true);
}

#[actix_web::test]
async fn an_application_in_use_is_not_deleted() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    let path = format!("/v1/apps/{app}");
    let refused = server.delete(&path).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (409, "app-in-use")
    );
    server
        .post(&format!("/v1/jobs/{job}/disable"), Value::Null)
        .await
        .expect(200);
    server
        .instance(&app, &job, 5, InstanceStatus::WaitingDispatch)
        .await;
    assert_eq!(server.delete(&path).await.problem(), "app-in-use");
}

#[actix_web::test]
async fn a_deleted_application_is_gone_with_its_jobs() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let job = server.job(&app, "job").await;
    server
        .post(&format!("/v1/jobs/{job}/disable"), Value::Null)
        .await
        .expect(200);
    server.delete(&format!("/v1/apps/{app}")).await.expect(204);
    assert_eq!(
        server.get(&format!("/v1/apps/{app}")).await.problem(),
        "app-not-found"
    );
    assert_eq!(
        server.get(&format!("/v1/jobs/{job}")).await.problem(),
        "job-not-found"
    );
}

#[actix_web::test]
async fn only_known_workers_get_orders() {
    let server = TestServer::start().await;
    let app = server.app("a").await;
    let path = format!("/v1/apps/{app}/worker-orders");
    let order = json!({ "node": "nobody", "kind": "DRAIN" });
    let refused = server.post(&path, order).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem().as_str()),
        (404, "worker-not-found")
    );
    for (field, order) in [
        ("kind", json!({ "node": "w1", "kind": "SLEEP" })),
        (
            "reason",
            json!({ "node": "w1", "kind": "ONLINE", "reason": "x".repeat(501) }),
        ),
    ] {
        let refused = server.post(&path, order).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let workers = server.get(&format!("/v1/apps/{app}/workers")).await;
    assert_eq!(workers.expect(200), json!([]));
}
