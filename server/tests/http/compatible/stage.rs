//! Two applications, and people with one role on the first.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::status::{Role, RoleScope};
use powerjob_server::http::HttpConfig;
use serde_json::{Value, json};

use crate::support::{Answer, TestServer};

/// What the reference says to whoever may not.
pub(super) const DENIED: &str = "PowerJobException: Permission denied!";

/// See the head of the file.
pub(super) struct Stage {
    pub(super) server: TestServer,
    pub(super) own: String,
    pub(super) other: String,
    pub(super) own_job: String,
    pub(super) other_job: String,
}

impl Stage {
    pub(super) async fn start() -> Self {
        Self::start_with(HttpConfig::default()).await
    }

    pub(super) async fn start_with(config: HttpConfig) -> Self {
        let server = TestServer::start_with(config).await;
        let (own, other) = (server.app("a1").await, server.app("a2").await);
        let own_job = server.job(&own, "own").await;
        let other_job = server.job(&other, "foreign").await;
        Self {
            server,
            own,
            other,
            own_job,
            other_job,
        }
    }

    /// Somebody with a role on the own application, and the token.
    pub(super) async fn person(&self, name: &str, role: Role) -> String {
        let app = self.own.parse().expect("an id");
        self.server
            .person(name, Some((RoleScope::App, app, role)))
            .await
    }

    pub(super) async fn get(&self, token: &str, header: &str, path: &str) -> Value {
        self.call(token, header, Method::GET, path, Value::Null)
            .await
    }

    pub(super) async fn post(&self, token: &str, header: &str, path: &str, body: Value) -> Value {
        self.call(token, header, Method::POST, path, body).await
    }

    /// What the administrator is answered who looks at the own application.
    pub(super) async fn ask(&self, path: &str) -> Value {
        self.get(&self.server.admin, &self.own, path).await
    }

    /// The same with a body.
    pub(super) async fn tell(&self, path: &str, body: Value) -> Value {
        self.post(&self.server.admin, &self.own, path, body).await
    }

    pub(super) async fn call(
        &self,
        token: &str,
        header: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Value {
        call(&self.server, token, header, method, path, body)
            .await
            .expect(200)
    }

    /// The id of the own application as a number.
    pub(super) fn own_id(&self) -> i64 {
        self.own.parse().expect("an id")
    }

    pub(super) fn job_body(&self, app: &str, id: Option<&str>) -> Value {
        json!({
            "id": id, "jobName": "saved", "appId": app, "timeExpressionType": "API",
            "executeType": "STANDALONE", "processorType": "BUILT_IN", "processorInfo": "p",
        })
    }

    /// The jobs of the own application as the console lists them.
    pub(super) async fn jobs(&self) -> Vec<Value> {
        let body = json!({"appId": self.own, "index": 0, "pageSize": 100});
        let page = self.tell("/job/list", body).await;
        page["data"]["data"].as_array().expect("a list").clone()
    }

    /// The job that was saved last.
    pub(super) async fn last_job(&self) -> Value {
        self.jobs().await.pop().expect("a job")
    }

    /// A node of a job of the own application.
    pub(super) async fn node(&self, fields: Value) -> Value {
        let mut node =
            json!({"appId": self.own, "type": 1, "jobId": self.own_job, "nodeName": "n"});
        let fields = fields.as_object().expect("fields").clone();
        node.as_object_mut().expect("an object").extend(fields);
        let saved = self.tell("/workflow/saveNode", json!([node])).await;
        saved["data"][0]["id"].clone()
    }

    pub(super) fn workflow_body(&self, dag: Value) -> Value {
        json!({
            "appId": self.own, "wfName": "w", "timeExpressionType": "API", "dag": dag,
        })
    }
}

pub(super) async fn call(
    server: &TestServer,
    token: &str,
    header: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let mut request = TestRequest::with_uri(path)
        .method(method)
        .insert_header(("PowerJwt", token))
        .insert_header(("AppId", header));
    if !body.is_null() {
        request = request.set_json(body);
    }
    server.call(request).await
}

/// Signs in as the console does.
pub(super) async fn sign_in(server: &TestServer, name: &str, password: &str) -> Answer {
    let params = json!({"username": name, "password": password, "encryption": "none"});
    let login = json!({"loginType": "PWJB", "originParams": params.to_string()});
    let request = TestRequest::post().uri("/auth/thirdPartyLoginDirect");
    server.call(request.set_json(login)).await
}
