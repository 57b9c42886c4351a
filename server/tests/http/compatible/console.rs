//! What the console may do for whom: cases of spec 06 section 15 that were not recorded.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use powerjob_common::status::{InstanceStatus, Role, RoleScope};
use powerjob_server::store::account::GLOBAL_TARGET;
use serde_json::{Value, json};

use super::stage::{DENIED, Stage};
use crate::support::PASSWORD;

/// Spec 06 cases 36 and 37.
#[actix_web::test]
async fn roles_open_what_they_open_in_the_reference() {
    let stage = Stage::start().await;
    let instance = stage
        .server
        .instance(&stage.own, &stage.own_job, 91, InstanceStatus::Running)
        .await;
    let (app, job) = (stage.own.clone(), stage.own_job.clone());
    let save = stage.job_body(&app, None);
    let calls = [
        (
            "list",
            Method::POST,
            "/job/list".to_owned(),
            json!({"appId": app, "index": 0, "pageSize": 1}),
        ),
        (
            "url",
            Method::GET,
            format!("/instance/downloadLogUrl?appId={app}&instanceId={instance}"),
            Value::Null,
        ),
        (
            "log",
            Method::GET,
            format!("/instance/log?appId={app}&instanceId={instance}&index=0"),
            Value::Null,
        ),
        (
            "run",
            Method::GET,
            format!("/job/run?appId={app}&jobId={job}"),
            Value::Null,
        ),
        ("save", Method::POST, "/job/save".to_owned(), save),
        (
            "delete app",
            Method::POST,
            format!("/appInfo/delete?appId={app}"),
            Value::Null,
        ),
    ];
    for (role, allowed) in [
        (Role::Observer, &calls[..2]),
        (Role::Qa, &calls[..4]),
        (Role::Developer, &calls[..5]),
    ] {
        let token = stage.person(role.name(), role).await;
        for (name, method, path, body) in &calls {
            let answer = stage
                .call(&token, &app, method.clone(), path, body.clone())
                .await;
            let is_allowed = allowed.iter().any(|(known, ..)| known == name);
            assert_eq!(answer["success"], is_allowed, "{role} {name}: {answer}");
            if !is_allowed {
                assert_eq!(
                    (&answer["message"], &answer["code"]),
                    (&json!(DENIED), &json!("-200"))
                );
            }
        }
    }
}

/// Spec 06 case 45, section 16.3 (1): the header names an application of one's own, the request an
/// object of another.
#[actix_web::test]
async fn the_header_opens_no_objects_of_others() {
    let stage = Stage::start().await;
    let token = stage.person("dev1", Role::Admin).await;
    let (own, other, job) = (&stage.own, &stage.other, &stage.other_job);
    let instance = stage
        .server
        .instance(other, job, 92, InstanceStatus::Running)
        .await;
    let node = json!([{"appId": other, "type": 1, "jobId": job, "nodeName": "n"}]);
    let admin = stage.server.admin.clone();
    let saved = stage
        .post(&admin, other, "/workflow/saveNode", node.clone())
        .await;
    let node_id = &saved["data"][0]["id"];
    let workflow = json!({
        "appId": other, "wfName": "w", "timeExpressionType": "API",
        "dag": {"nodes": [{"nodeId": node_id}], "edges": []},
    });
    let saved = stage
        .post(&admin, other, "/workflow/save", workflow.clone())
        .await;
    let workflow_id = saved["data"].as_i64().expect("an id");
    for path in [
        format!("/job/delete?jobId={job}"),
        format!("/job/disable?jobId={job}"),
        format!("/job/run?appId={other}&jobId={job}"),
        format!("/job/run?appId={own}&jobId={job}"),
        format!("/job/export?jobId={job}"),
        format!("/instance/stop?appId={own}&instanceId={instance}"),
        format!("/instance/retry?appId={own}&instanceId={instance}"),
        format!("/instance/detail?appId={own}&instanceId={instance}"),
        format!("/instance/log?appId={own}&instanceId={instance}&index=0"),
        format!("/instance/downloadLogUrl?appId={own}&instanceId={instance}"),
        format!("/instance/downloadLog4Console?appId={own}&instanceId={instance}"),
        format!("/workflow/fetch?appId={own}&workflowId={workflow_id}"),
        format!("/workflow/fetch?appId={other}&workflowId={workflow_id}"),
        format!("/workflow/delete?appId={other}&workflowId={workflow_id}"),
        format!("/workflow/run?appId={other}&workflowId={workflow_id}"),
        format!("/system/overview?appId={other}"),
        format!("/system/listWorker?appId={other}"),
    ] {
        let answer = stage.get(&token, own, &path).await;
        assert_eq!(answer["success"], false, "{path}");
        assert_eq!(answer["data"], Value::Null, "{path}");
    }
    let taken = json!({"id": workflow_id, "appId": own, "wfName": "taken",
        "timeExpressionType": "API", "dag": {"nodes": [{"nodeId": node_id}], "edges": []}});
    let using = json!({"appId": own, "wfName": "using", "timeExpressionType": "API",
        "dag": {"nodes": [{"nodeId": node_id}], "edges": []}});
    let foreign_job = json!([{"appId": own, "type": 1, "jobId": job, "nodeName": "n"}]);
    for (path, body) in [
        (format!("/job/copy?jobId={job}"), Value::Null),
        ("/job/save".to_owned(), stage.job_body(own, Some(job))),
        ("/job/save".to_owned(), stage.job_body(other, None)),
        (
            "/job/list".to_owned(),
            json!({"appId": other, "index": 0, "pageSize": 1}),
        ),
        (
            "/instance/list".to_owned(),
            json!({"appId": other, "index": 0, "pageSize": 1, "type": "NORMAL"}),
        ),
        (
            "/instance/detailPlus".to_owned(),
            json!({"instanceId": instance}),
        ),
        (
            "/workflow/list".to_owned(),
            json!({"appId": other, "index": 0, "pageSize": 1}),
        ),
        ("/workflow/saveNode".to_owned(), node),
        ("/workflow/saveNode".to_owned(), foreign_job),
        ("/workflow/save".to_owned(), workflow),
        ("/workflow/save".to_owned(), taken),
        ("/workflow/save".to_owned(), using),
        (
            format!("/workflow/copy?appId={other}&workflowId={workflow_id}"),
            Value::Null,
        ),
        (
            "/wfInstance/list".to_owned(),
            json!({"appId": other, "index": 0, "pageSize": 1}),
        ),
        (format!("/appInfo/delete?appId={other}"), Value::Null),
    ] {
        let answer = stage.post(&token, own, &path, body.clone()).await;
        assert_eq!(answer["success"], false, "{path} {body}");
    }
    let list = json!({"appId": other, "workflowId": workflow_id, "index": 0, "pageSize": 9});
    let answer = stage.post(&token, own, "/workflow/list", list).await;
    assert_eq!(answer["success"], false);
}

/// Spec 06 cases 46 and 47: an update that pretends to be something else.
#[actix_web::test]
async fn updates_are_checked_on_what_the_body_names() {
    let stage = Stage::start().await;
    let token = stage.person("dev1", Role::Admin).await;
    let namespace = stage
        .server
        .store
        .default_namespace()
        .await
        .expect("there is one");
    let app = json!({
        "id": stage.other, "appName": "a2", "namespaceId": namespace.0, "password": "mine now",
    });
    let answer = stage
        .post(&token, &stage.own, "/appInfo/save", app.clone())
        .await;
    assert_eq!(answer["message"], DENIED);
    let body = json!({"id": namespace.0, "code": "default_namespace"});
    let answer = stage
        .post(&token, &stage.own, "/namespace/save", body)
        .await;
    assert_eq!(answer["message"], DENIED);
    let path = format!("/namespace/delete?id={}", namespace.0);
    let answer = stage
        .call(&token, &stage.own, Method::DELETE, &path, Value::Null)
        .await;
    assert_eq!(answer["message"], DENIED);

    let nobody = stage.server.person("nobody", None).await;
    let text = app.to_string();
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let request = TestRequest::post()
        .uri("/appInfo/save")
        .insert_header(("PowerJwt", nobody.as_str()))
        .insert_header(("AppId", stage.other.as_str()))
        .insert_header(("content-type", "application/json"))
        .set_payload(utf16);
    let answer = stage.server.call(request).await.expect(200);
    assert_eq!(answer["success"], false);
}

/// Spec 06 cases 40 to 43 and 48.
#[actix_web::test]
async fn roles_are_given_by_those_who_may() {
    let stage = Stage::start().await;
    let nobody = stage.server.person("nobody", None).await;
    let (none, path) = ("null", "/appInfo/save");
    let dev = stage.person("dev1", Role::Developer).await;
    let me = stage.get(&dev, none, "/auth/ifLogin").await["data"]["id"].clone();
    let creator = stage.get(&nobody, none, "/auth/ifLogin").await["data"]["id"].clone();

    let body = json!({"code": "team", "name": "Team"});
    let namespace = stage.post(&nobody, none, "/namespace/save", body).await;
    let namespace = namespace["data"]["id"].clone();
    let lists = json!({"observer": [], "qa": [], "developer": [me], "admin": [creator]});
    let body = json!({"appName": "new", "namespaceId": namespace, "password": "p",
        "componentUserRoleInfo": lists});
    let app = stage.post(&nobody, none, path, body.clone()).await;
    assert_eq!(app["success"], true, "{app}");
    assert_eq!(app["data"]["password"], Value::Null);
    let id = app["data"]["id"].to_string();
    let of_list = async |token: &str| {
        let body = json!({"appId": id, "index": 0, "pageSize": 10});
        stage.post(token, none, "/appInfo/list", body).await["data"]["data"][0].clone()
    };
    let shown = of_list(&nobody).await;
    assert_eq!(shown["componentUserRoleInfo"], lists);
    assert_eq!(shown["password"], "p");
    assert_eq!(of_list(&dev).await["password"], "NO_PERMISSION_TO_SEE");

    let mut update = body.clone();
    update["id"] = app["data"]["id"].clone();
    update
        .as_object_mut()
        .expect("fields")
        .remove("componentUserRoleInfo");
    update["title"] = "Title".into();
    assert_eq!(
        stage.post(&dev, &id, path, update.clone()).await["success"],
        true
    );
    assert_eq!(of_list(&nobody).await["componentUserRoleInfo"], lists);
    update["componentUserRoleInfo"] = json!({"admin": [creator, me]});
    assert_eq!(
        stage.post(&dev, &id, path, update.clone()).await["message"],
        DENIED
    );
    update["componentUserRoleInfo"] = json!({"admin": [creator, 99_999]});
    assert_eq!(
        stage.post(&nobody, &id, path, update.clone()).await["success"],
        false
    );
    assert_eq!(of_list(&nobody).await["componentUserRoleInfo"], lists);
    update["componentUserRoleInfo"] = json!({"developer": []});
    assert_eq!(
        stage.post(&nobody, &id, path, update).await["success"],
        true
    );
    let shown = of_list(&nobody).await;
    assert_eq!(shown["componentUserRoleInfo"]["developer"], json!([]));
    assert_eq!(shown["componentUserRoleInfo"]["admin"], json!([creator]));
}

/// Spec 06 case 44.
#[actix_web::test]
async fn the_password_of_an_application_makes_an_administrator() {
    let stage = Stage::start().await;
    let nobody = stage.server.person("nobody", None).await;
    let admin = stage.server.admin.clone();
    let namespace = stage
        .server
        .store
        .default_namespace()
        .await
        .expect("there is one");
    let body = json!({"id": stage.own, "appName": "a1", "namespaceId": namespace.0,
        "password": "known to few"});
    let saved = stage.post(&admin, &stage.own, "/appInfo/save", body).await;
    assert_eq!(saved["success"], true, "{saved}");
    let path = "/appInfo/becomeAdmin";
    for (body, message, code) in [
        (
            json!({"appName": "a1", "password": "bad"}),
            "PowerJobException: INCORRECT_PASSWORD",
            "-400",
        ),
        (
            json!({"appName": "x", "password": "bad"}),
            "PowerJobException: INVALID_APP:x",
            "-402",
        ),
    ] {
        let answer = stage.post(&nobody, "null", path, body).await;
        assert_eq!(
            (&answer["message"], &answer["code"]),
            (&json!(message), &json!(code))
        );
    }
    let body = json!({"appName": "a1", "password": "known to few"});
    assert_eq!(
        stage.post(&nobody, "null", path, body.clone()).await["success"],
        true
    );
    assert_eq!(
        stage.post(&nobody, "null", path, body).await["success"],
        true
    );
    let body = json!({"appId": stage.own, "index": 0, "pageSize": 1});
    assert_eq!(
        stage.post(&nobody, &stage.own, "/job/list", body).await["success"],
        true
    );
    let app = stage.own.parse().expect("an id");
    let grants = stage
        .server
        .store
        .grants_on(RoleScope::App, app)
        .await
        .expect("grants");
    assert_eq!(grants.len(), 2);
}

/// Spec 06 cases 69, 72 and 100; section 16.1 CVE-2025-11580, CVE-2026-5736.
#[actix_web::test]
async fn nothing_is_open_that_was_open_by_accident() {
    let stage = Stage::start().await;
    let (app, job) = (&stage.own, &stage.own_job);
    let id = stage
        .server
        .instance(app, job, 93, InstanceStatus::Running)
        .await;
    for path in [
        "/user/list",
        "/auth/listGlobalAdmin",
        "/validate/timeExpression?timeExpressionType=API",
        &format!("/instance/downloadLog4Console?appId={app}&instanceId={id}"),
        "/container/list?appId=1",
    ] {
        assert_eq!(stage.get("null", app, path).await["code"], "-100", "{path}");
    }
    let body = json!({"instanceId": id});
    let answer = stage.post("null", app, "/instance/detailPlus", body).await;
    assert_eq!(answer["code"], "-100");
    let unsigned = format!("/instance/downloadLog?instanceId={id}");
    assert_eq!(stage.get("null", app, &unsigned).await["message"], DENIED);

    let admin = stage.server.admin.clone();
    stage.server.write_log(app, 93, &["one", "two"]).await;
    let path = format!("/instance/downloadLogUrl?appId={app}&instanceId={id}");
    let url = stage.get(&admin, app, &path).await["data"]
        .as_str()
        .expect("a URL")
        .to_owned();
    let path = url.split_once("/instance/").expect("a path").1;
    let path = format!("/instance/{path}");
    let file = stage.server.call(TestRequest::get().uri(&path)).await;
    let text = file.text();
    assert!(
        text.ends_with("two\n") && text.lines().count() == 2,
        "{text}"
    );
    let altered = path.replace("instanceId=93", "instanceId=94");
    let refused = stage.server.call(TestRequest::get().uri(&altered)).await;
    assert_eq!(refused.expect(200)["message"], DENIED);
    stage
        .server
        .clock
        .advance(std::time::Duration::from_secs(61));
    let late = stage.server.call(TestRequest::get().uri(&path)).await;
    assert_eq!(late.expect(200)["message"], DENIED);
}

/// Spec 06 cases 70 and 71.
#[actix_web::test]
async fn logs_have_pages_of_a_hundred_lines() {
    let stage = Stage::start().await;
    let (app, job) = (&stage.own, &stage.own_job);
    stage
        .server
        .instance(app, job, 94, InstanceStatus::Running)
        .await;
    let lines: Vec<String> = (0..250).map(|line| format!("line {line}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stage.server.write_log(app, 94, &lines).await;
    let admin = stage.server.admin.clone();
    for (page, count) in [(0, 100), (2, 50), (9, 0)] {
        let path = format!("/instance/log?appId={app}&instanceId=94&index={page}");
        let answer = stage.get(&admin, app, &path).await["data"].clone();
        let text = answer["data"].as_str().expect("lines");
        assert_eq!(text.lines().count(), count, "{page}");
        assert_eq!(answer["totalPages"], 3);
    }
    stage
        .server
        .instance(app, job, 95, InstanceStatus::Running)
        .await;
    let path = format!("/instance/log?appId={app}&instanceId=95&index=0");
    let answer = stage.get(&admin, app, &path).await["data"].clone();
    assert_eq!(
        answer["data"],
        "SYSTEM: There is no online log for this job instance.\n"
    );
}

/// Spec 06 cases 18, 25 and 33; section 16.1 CVE-2023-29922: nobody registers unless it is allowed.
#[actix_web::test]
async fn accounts_are_made_by_administrators() {
    let stage = Stage::start().await;
    let body = json!({"username": "eve", "password": "long enough", "nick": "Eve"});
    let answer = stage
        .post("null", "null", "/pwjbUser/create", body.clone())
        .await;
    assert_eq!(answer["success"], false);
    let dev = stage.person("dev1", Role::Admin).await;
    let answer = stage
        .post(&dev, "null", "/pwjbUser/create", body.clone())
        .await;
    assert_eq!(answer["success"], false);
    let admin = stage.server.admin.clone();
    let answer = stage.post(&admin, "null", "/pwjbUser/create", body).await;
    assert_eq!(answer["success"], true, "{answer}");
    let params = json!({"username": "eve", "password": "long enough"});
    let login = json!({"loginType": "PWJB", "originParams": params.to_string()});
    let answer = stage
        .post("null", "null", "/auth/thirdPartyLoginDirect", login)
        .await;
    let token = answer["data"]["jwtToken"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert_eq!(answer["data"]["username"], "PWJB_eve");
    assert_eq!(
        stage.get(&token, "null", "/user/detail").await["data"]["nick"],
        "Eve"
    );
    let answer = stage.post(&token, "null", "/user/query", json!({})).await;
    assert_eq!(answer["message"], DENIED);

    // A cookie alone opens nothing.
    let request = TestRequest::get()
        .uri("/user/detail")
        .insert_header(("cookie", format!("PowerJwt={token}; pj_session={token}")));
    assert_eq!(stage.server.call(request).await.expect(200)["code"], "-100");
}

/// Spec 06 cases 29, 30 and 102: tokens end with the password and with the account, and none that
/// is not ours is one.
#[actix_web::test]
async fn tokens_of_people_end() {
    let stage = Stage::start().await;
    stage.server.account("bob").await;
    let params = json!({"username": "bob", "password": PASSWORD});
    let login = json!({"loginType": "PWJB", "originParams": params.to_string()});
    let login = || stage.post("null", "null", "/auth/thirdPartyLoginDirect", login.clone());
    let user = login().await["data"].clone();
    let token = user["jwtToken"].as_str().expect("a token").to_owned();
    let who = async || stage.get(&token, "null", "/auth/ifLogin").await;
    assert_eq!(who().await["data"]["username"], "PWJB_bob");
    let admin = stage.server.admin.clone();
    let path = format!("/user/disable?uid={}", user["id"]);
    assert_eq!(
        stage.post(&admin, "null", &path, Value::Null).await["success"],
        true
    );
    assert_eq!(who().await["code"], "-103");
    assert_eq!(login().await["message"], "UserDisabled");
    let path = format!("/user/enable?uid={}", user["id"]);
    assert_eq!(
        stage.post(&admin, "null", &path, Value::Null).await["success"],
        true
    );
    assert_eq!(who().await["code"], "-401");
    assert_eq!(login().await["success"], true);

    // The last administrator stays: section 4.9.
    let me = stage.get(&admin, "null", "/auth/ifLogin").await["data"]["id"].clone();
    let path = format!("/user/disable?uid={me}");
    assert_eq!(
        stage.post(&admin, "null", &path, Value::Null).await["success"],
        false
    );
    let global = stage
        .server
        .store
        .grants_on(RoleScope::Global, GLOBAL_TARGET)
        .await;
    assert_eq!(global.expect("grants").len(), 1);

    let forged = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ1c2VybmFtZSI6IlBXSkJfQURNSU4ifQ.x";
    assert_eq!(
        stage.get(forged, "null", "/user/detail").await["code"],
        "-100"
    );
}

/// Containers and runs of workflows are refused with the reason; spec 06 case 101.
#[actix_web::test]
async fn what_is_not_here_yet_says_so() {
    let stage = Stage::start().await;
    let admin = stage.server.admin.clone();
    let path = format!("/container/list?appId={}", stage.own);
    let answer = stage.get(&admin, &stage.own, &path).await;
    assert_eq!(
        answer["message"],
        "PowerJobException: this server has no containers yet"
    );
    let answer = stage.get("null", "null", "/actuator/health").await;
    assert_eq!(answer, json!({"status": "UP"}));
}
