//! Who may do what: every route with every role, and nothing learned about what one may not see.

use actix_web::http::Method;
use powerjob_common::status::{InstanceStatus, Role, RoleScope};
use powerjob_server::http::{Needs, all_routes};
use serde_json::{Value, json};

use crate::support::TestServer;

/// What a route answers someone who lacks READ, or only what it needs.
async fn answer(server: &TestServer, token: &str, method: Method, path: &str) -> String {
    let answer = server.send(token, method, path, Value::Null).await;
    if answer.header("content-type") == "application/problem+json" {
        answer.problem()
    } else {
        answer.status.to_string()
    }
}

struct Place {
    app: String,
    job: String,
    instance: String,
}

impl Place {
    async fn new(server: &TestServer) -> Self {
        let app = server.app("guarded").await;
        let job = server.job(&app, "job").await;
        let instance = server
            .instance(&app, &job, 77, InstanceStatus::Succeed)
            .await;
        Self { app, job, instance }
    }

    fn path(&self, path: &str) -> String {
        let path = path
            .replace("{appId}", &self.app)
            .replace("{jobId}", &self.job)
            .replace("{instanceId}", &self.instance);
        format!("/v1{path}")
    }
}

#[actix_web::test]
async fn without_an_account_only_open_routes_answer() {
    let server = TestServer::start().await;
    let place = Place::new(&server).await;
    for rule in all_routes().rules() {
        let found = answer(&server, "", rule.method.clone(), &place.path(rule.path)).await;
        let is_open = rule.needs == Needs::Nothing;
        assert_eq!(
            found != "not-signed-in",
            is_open,
            "{} {}",
            rule.method,
            rule.path
        );
    }
}

#[actix_web::test]
async fn strangers_learn_nothing_about_objects() {
    let server = TestServer::start().await;
    let place = Place::new(&server).await;
    let other = server.app("other").await.parse().expect("an id");
    let stranger = server
        .person("eve", Some((RoleScope::App, other, Role::Admin)))
        .await;
    let unknown_id = || "424242".to_owned();
    let nowhere = Place {
        app: unknown_id(),
        job: unknown_id(),
        instance: unknown_id(),
    };
    for rule in all_routes().rules() {
        let expected = match rule.needs {
            Needs::App(_) => "app-not-found",
            Needs::Job(_) => "job-not-found",
            Needs::Instance(_) => "instance-not-found",
            Needs::Global(_) => "permission-denied",
            Needs::Nothing | Needs::SignedIn | Needs::WorkerAddress => continue,
        };
        let path = place.path(rule.path);
        let found = answer(&server, &stranger, rule.method.clone(), &path).await;
        assert_eq!(found, expected, "{} {path}", rule.method);
        if !matches!(rule.needs, Needs::Global(_)) {
            let nowhere = nowhere.path(rule.path);
            let unknown = answer(&server, &stranger, rule.method.clone(), &nowhere).await;
            assert_eq!(found, unknown, "{} {path}", rule.method);
        }
    }
}

#[actix_web::test]
async fn each_role_may_do_what_it_contains_and_no_more() {
    let server = TestServer::start().await;
    let place = Place::new(&server).await;
    let app = place.app.parse().expect("an id");
    for role in [Role::Observer, Role::Qa, Role::Developer] {
        let token = server
            .person(role.name(), Some((RoleScope::App, app, role)))
            .await;
        for rule in all_routes().rules() {
            let (Needs::App(needed) | Needs::Job(needed) | Needs::Instance(needed)) = rule.needs
            else {
                continue;
            };
            // What is allowed is tried elsewhere: here it would change the place.
            if role.allows(needed) {
                continue;
            }
            let path = place.path(rule.path);
            let found = answer(&server, &token, rule.method.clone(), &path).await;
            assert_eq!(found, "permission-denied", "{role} {} {path}", rule.method);
        }
        let reads = answer(&server, &token, Method::GET, &place.path("/jobs/{jobId}")).await;
        assert_eq!(reads, "200 OK", "{role}");
    }
}

#[actix_web::test]
async fn roles_on_the_namespace_and_on_everything_reach_the_application() {
    let server = TestServer::start().await;
    let place = Place::new(&server).await;
    let namespace = server
        .store
        .default_namespace()
        .await
        .expect("a namespace")
        .0;
    for (name, scope, target) in [
        ("ns", RoleScope::Namespace, namespace),
        ("all", RoleScope::Global, 1),
    ] {
        let token = server.person(name, Some((scope, target, Role::Qa))).await;
        let runs = place.path("/jobs/{jobId}/runs");
        server
            .send(&token, Method::POST, &runs, json!({}))
            .await
            .expect(201);
        let found = answer(
            &server,
            &token,
            Method::DELETE,
            &place.path("/jobs/{jobId}"),
        )
        .await;
        assert_eq!(found, "permission-denied");
        let path = place.path("/apps/{appId}");
        let app = server
            .send(&token, Method::GET, &path, Value::Null)
            .await
            .expect(200);
        assert_eq!(app["permissions"], json!(["READ", "OPS"]));
        assert_eq!(
            answer(&server, &token, Method::GET, "/v1/actors").await,
            "permission-denied"
        );
    }
}

#[actix_web::test]
async fn a_header_that_names_another_application_changes_nothing() {
    let server = TestServer::start().await;
    let place = Place::new(&server).await;
    let own = server.app("own").await;
    let grant = (RoleScope::App, own.parse().expect("an id"), Role::Admin);
    let token = server.person("mallory", Some(grant)).await;
    let request = actix_web::test::TestRequest::delete()
        .uri(&place.path("/jobs/{jobId}"))
        .insert_header(("authorization", format!("Bearer {token}")))
        .insert_header(("AppId", own));
    assert_eq!(server.call(request).await.problem(), "job-not-found");
}
