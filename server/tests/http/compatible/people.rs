//! Spec 06 section 15, cases 16 to 39: signing in, accounts, and who may what.

use actix_web::test::TestRequest;
use powerjob_common::status::{Role, RoleScope};
use powerjob_server::http::HttpConfig;
use powerjob_server::store::account::GLOBAL_TARGET;
use serde_json::{Value, json};

use super::stage::{DENIED, Stage, sign_in};
use crate::support::{PASSWORD, TestServer};

/// Spec 06 cases 16, 18 and 19.
#[actix_web::test]
async fn a_person_signs_in_and_is_known_by_the_token() {
    let server = TestServer::start().await;
    let answer = sign_in(&server, "ADMIN", PASSWORD).await;
    assert!(answer.header("set-cookie").starts_with("PowerJwt="));
    let user = answer.expect(200)["data"].clone();
    assert_eq!(user["username"], "PWJB_ADMIN");
    let token = user["jwtToken"].as_str().expect("a token").to_owned();
    for header in ["PowerJwt", "Power_jwt"] {
        let request = TestRequest::get().uri("/user/detail");
        let request = request.insert_header((header, token.as_str()));
        let shown = server.call(request).await.expect(200);
        assert_eq!(shown["data"]["username"], "PWJB_ADMIN", "{header}");
        assert_eq!(shown["data"]["globalRoles"], json!(["ADMIN"]));
    }
    let answer = server.call(TestRequest::get().uri("/user/detail")).await;
    let answer = answer.expect(200);
    assert_eq!(
        (&answer["message"], &answer["code"]),
        (
            &json!("PowerJobAuthException: UserNotLoggedIn"),
            &json!("-100")
        )
    );
}

/// Spec 06 case 17.
#[actix_web::test]
async fn nobody_is_signed_in_with_what_is_no_token() {
    let stage = Stage::start().await;
    for token in ["null", "undefined", "NULL", "garbage", "a.b.c"] {
        let answer = stage.get(token, "null", "/auth/ifLogin").await;
        let nobody = json!({"success": true, "data": null, "message": null});
        assert_eq!(answer, nobody, "{token}");
    }
    let answer = stage.server.call(TestRequest::get().uri("/auth/ifLogin"));
    assert_eq!(answer.await.expect(200)["data"], Value::Null);
}

/// Spec 06 cases 20 to 24.
#[actix_web::test]
async fn what_is_wrong_with_a_sign_in_is_told() {
    let stage = Stage::start().await;
    let wrong = sign_in(&stage.server, "ADMIN", "wrong").await.expect(200);
    assert_eq!(wrong["message"], "password is incorrect");
    assert_eq!(wrong.get("code"), None);
    let unknown = sign_in(&stage.server, "who", "wrong").await.expect(200);
    assert_eq!(
        unknown, wrong,
        "whether it is the name is nobody's business"
    );
    let path = "/auth/thirdPartyLoginDirect";
    for (body, message) in [
        (
            json!({"loginType": "XX", "originParams": "{}"}),
            "INVALID_REQUEST:can't find ThirdPartyLoginService by type: XX",
        ),
        (
            json!({"loginType": "PWJB", "originParams": ""}),
            "can't find login Info",
        ),
    ] {
        let answer = stage.post("null", "null", path, body).await;
        assert_eq!(answer["message"], message);
    }
    let url = "/auth/thirdPartyLoginUrl?type=";
    let answer = stage.get("null", "null", &format!("{url}PWJB")).await;
    assert_eq!(answer["data"], "FE-REDIRECT:powerjobLogin");
    let answer = stage.get("null", "null", &format!("{url}XX")).await;
    assert_eq!(answer["code"], "-300");
}

fn with_registration() -> HttpConfig {
    HttpConfig {
        registration: true,
        ..HttpConfig::default()
    }
}

/// Spec 06 cases 25 and 27.
#[actix_web::test]
async fn people_register_where_it_is_allowed() {
    let stage = Stage::start_with(with_registration()).await;
    let register = async |body: Value| stage.post("null", "null", "/pwjbUser/create", body).await;
    let alice = json!({
        "username": "alice", "password": "pwd123 pwd123", "password2": "pwd123 pwd123",
        "nick": "Alice", "phone": "555", "email": "a@example.org",
        "webHook": "http://hook.example",
    });
    assert_eq!(register(alice.clone()).await["success"], true);
    assert_eq!(
        register(alice).await["message"],
        "IllegalArgumentException: username already exist, please change one!"
    );
    for (body, message) in [
        (
            json!({"password": "pwd123 pwd123"}),
            "userName can't be null or empty!",
        ),
        (
            json!({"username": "bob"}),
            "password can't be null or empty!",
        ),
    ] {
        let answer = register(body).await;
        assert_eq!(answer["message"], format!("PowerJobException: {message}"));
    }
    let signed_in = sign_in(&stage.server, "alice", "pwd123 pwd123")
        .await
        .expect(200);
    assert_eq!(signed_in["data"]["username"], "PWJB_alice");
    let token = signed_in["data"]["jwtToken"].as_str().expect("a token");
    let shown = stage.get(token, "null", "/user/detail").await["data"].clone();
    let kept = ["nick", "phone", "email", "webHook"].map(|key| shown[key].clone());
    assert_eq!(
        json!(kept),
        json!(["Alice", "555", "a@example.org", "http://hook.example"])
    );
}

/// Spec 06 cases 28 and 29.
#[actix_web::test]
async fn a_person_changes_the_password() {
    let stage = Stage::start().await;
    stage.server.account("bob").await;
    let token = async |password: &str| {
        let user = sign_in(&stage.server, "bob", password).await.expect(200);
        user["data"]["jwtToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let old = token(PASSWORD).await;
    let change = async |old_password: &str, second: &str| {
        let body = json!({
            "username": "bob", "oldPassword": old_password,
            "newPassword": "a new password", "newPassword2": second,
        });
        stage
            .post(&old, "null", "/pwjbUser/changePassword", body)
            .await
    };
    assert_eq!(
        change(PASSWORD, "another").await["message"],
        "IllegalArgumentException: Inconsistent passwords"
    );
    let refused = change("wrong", "a new password").await;
    assert_eq!(
        (&refused["message"], &refused["code"]),
        (
            &json!("PowerJobAuthException: INCORRECT_PASSWORD"),
            &json!("-400")
        )
    );
    assert_eq!(change(PASSWORD, "a new password").await["success"], true);
    let code = stage.get(&old, "null", "/user/detail").await["code"].clone();
    assert!(
        ["-102", "-401", "-100"].contains(&code.as_str().expect("a code")),
        "{code}"
    );
    let new = token("a new password").await;
    assert_eq!(
        stage.get(&new, "null", "/user/detail").await["success"],
        true
    );
}

/// Spec 06 cases 31 and 32.
#[actix_web::test]
async fn an_account_is_changed_by_its_owner_and_by_administrators() {
    const MESSAGE: &str =
        "PowerJobException: Only the administrator and account owner can modify the account";
    let stage = Stage::start().await;
    let dev = stage.person("dev1", Role::Developer).await;
    let other = stage.server.account("other").await.0;
    let path = format!("/user/disable?uid={other}");
    let answer = stage.post(&dev, "null", &path, Value::Null).await;
    assert_eq!(answer["message"], MESSAGE);
    let modify = async |body: Value| stage.post(&dev, "null", "/user/modify", body).await;
    assert_eq!(
        modify(json!({"id": other, "nick": "x"})).await["message"],
        MESSAGE
    );

    let me = stage.get(&dev, "null", "/auth/ifLogin").await["data"]["id"].clone();
    let body = json!({"id": me, "nick": "", "phone": "555"});
    assert_eq!(modify(body).await["success"], true);
    let shown = stage.get(&dev, "null", "/user/detail").await["data"].clone();
    assert_eq!(
        (&shown["nick"], &shown["phone"]),
        (&json!("dev1"), &json!("555"))
    );
    let unknown = stage
        .tell("/user/modify", json!({"id": 99_999, "nick": "x"}))
        .await;
    assert_eq!(
        unknown["message"],
        "IllegalArgumentException: can't find user by userId:99999"
    );
}

/// Spec 06 cases 34 and 35.
#[actix_web::test]
async fn administrators_of_everything_are_named() {
    let stage = Stage::start().await;
    let path = "/auth/saveGlobalAdmin";
    assert_eq!(
        stage.tell(path, json!({"admin": []})).await["message"],
        "IllegalArgumentException: At least one super administrator is required!"
    );
    let token = stage.server.person("bob", None).await;
    let list = json!({"appId": stage.own, "index": 0, "pageSize": 1});
    let answer = stage
        .post(&token, &stage.own, "/job/list", list.clone())
        .await;
    assert_eq!(answer["message"], DENIED);
    let id = |user: Value| user["data"]["id"].clone();
    let (me, bob) = (
        id(stage.ask("/auth/ifLogin").await),
        id(stage.get(&token, "null", "/auth/ifLogin").await),
    );
    assert_eq!(
        stage.tell(path, json!({"admin": [me, bob]})).await["success"],
        true
    );
    let answer = stage.post(&token, &stage.own, "/job/list", list).await;
    assert_eq!(answer["success"], true, "{answer}");
    let mut named = stage.ask("/auth/listGlobalAdmin").await["data"].clone();
    named
        .as_array_mut()
        .expect("a list")
        .sort_by_key(Value::to_string);
    let mut wanted = vec![me, bob];
    wanted.sort_by_key(Value::to_string);
    assert_eq!(named, json!(wanted));
}

/// Spec 06 cases 38 and 39: roles on a namespace count for its applications; what a request is about
/// decides, not the header.
#[actix_web::test]
async fn roles_on_a_namespace_open_its_applications() {
    let stage = Stage::start().await;
    let body = json!({"code": "team", "name": "Team"});
    let team = stage.tell("/namespace/save", body).await["data"]["id"].clone();
    let app = json!({"appName": "inside", "namespaceId": team, "password": "p"});
    let app = stage.tell("/appInfo/save", app).await["data"]["id"].to_string();
    let grant = (
        RoleScope::Namespace,
        team.as_i64().expect("an id"),
        Role::Developer,
    );
    let dev = stage.server.person("dev", Some(grant)).await;
    let save = async |app: &str| {
        let body = stage.job_body(app, None);
        stage.post(&dev, app, "/job/save", body).await
    };
    assert_eq!(save(&app).await["success"], true);
    assert_eq!(save(&stage.own).await["message"], DENIED);
    let list = async |token: &str, app: &str| {
        let body = json!({"appId": app, "index": 0, "pageSize": 1});
        stage.post(token, "null", "/job/list", body).await["success"].clone()
    };
    assert_eq!(list(&dev, &stage.own).await, false);
    assert_eq!(list(&stage.server.admin, &stage.own).await, true);
    let global = Some((RoleScope::Global, GLOBAL_TARGET, Role::Observer));
    let observer = stage.server.person("observer", global).await;
    assert_eq!(list(&observer, &stage.own).await, true);
}

/// Spec 06 case 103.
#[actix_web::test]
async fn guessing_a_password_is_slowed_down_for_one_account() {
    let stage = Stage::start().await;
    stage.server.account("bob").await;
    stage.server.account("eve").await;
    let mut last = Value::Null;
    for _ in 0..20 {
        last = sign_in(&stage.server, "bob", "a guess").await.expect(200);
        assert_eq!(last["success"], false);
    }
    let message = last["message"].as_str().expect("a message");
    assert!(message.contains("too many"), "{message}");
    let params = json!({"username": "eve", "password": PASSWORD});
    let login = json!({"loginType": "PWJB", "originParams": params.to_string()});
    let request = TestRequest::post().uri("/auth/thirdPartyLoginDirect");
    let other = stage
        .server
        .call_from("198.51.100.7:1", request.set_json(login))
        .await;
    assert_eq!(other.expect(200)["success"], true);
}
