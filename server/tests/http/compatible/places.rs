//! Spec 06 section 15, cases 49 to 56: namespaces and applications.

use actix_web::http::Method;
use powerjob_common::status::{Role, RoleScope};
use powerjob_server::store::account::GLOBAL_TARGET;
use serde_json::{Value, json};

use super::stage::Stage;

/// Spec 06 cases 49, 50 and 51.
#[actix_web::test]
async fn a_namespace_keeps_its_code_and_its_applications() {
    let stage = Stage::start().await;
    let save = async |body: Value| stage.tell("/namespace/save", body).await;
    for (code, message) in [
        (json!("a b"), "namespace code can't contains white space!"),
        (json!(""), "namespace code can't be empty"),
        (Value::Null, "namespace code can't be empty"),
    ] {
        let answer = save(json!({"code": code})).await;
        assert_eq!(answer["message"], format!("PowerJobException: {message}"));
    }
    let team = save(json!({"code": "team", "name": "Team", "dept": "d"})).await["data"].clone();
    assert_eq!(
        (&team["showName"], &team["status"], &team["dept"]),
        (&json!("Team(team)"), &json!(1), &json!("d"))
    );
    let taken = save(json!({"code": "team"})).await;
    assert_eq!(
        (&taken["message"], &taken["code"]),
        (
            &json!("PowerJobException: ILLEGAL_ARGS_ERROR:namespace[team] already exists"),
            &json!("-501")
        )
    );
    let id = &team["id"];
    assert_eq!(
        save(json!({"id": id, "code": "other"})).await["message"],
        "IllegalArgumentException: NOT_ALLOW_CHANGE_THE_NAMESPACE_CODE"
    );
    assert_eq!(
        save(json!({"id": id, "code": "TEAM", "name": "T"})).await["success"],
        true
    );
    assert_eq!(
        save(json!({"id": 99_999, "code": "x"})).await["message"],
        "IllegalArgumentException: can't find namespace by id: 99999"
    );

    for name in ["a", "b"] {
        let app = json!({"appName": name, "namespaceId": id, "password": "p"});
        assert_eq!(stage.tell("/appInfo/save", app).await["success"], true);
    }
    let delete = async || {
        let admin = &stage.server.admin;
        let path = format!("/namespace/delete?id={id}");
        stage
            .call(admin, "null", Method::DELETE, &path, Value::Null)
            .await
    };
    assert_eq!(
        delete().await["message"],
        "PowerJobException: Unable to delete due to associated apps: a,b"
    );
    let list = json!({"namespaceId": id, "index": 0, "pageSize": 9});
    for app in stage.tell("/appInfo/list", list).await["data"]["data"]
        .as_array()
        .expect("a list")
    {
        let (admin, app) = (&stage.server.admin, app["id"].to_string());
        let path = format!("/appInfo/delete?appId={app}");
        let gone = stage.post(admin, &app, &path, Value::Null).await;
        assert_eq!(gone["success"], true, "{gone}");
    }
    assert_eq!(delete().await["success"], true);
}

/// Spec 06 cases 52 and 53.
#[actix_web::test]
async fn the_token_of_a_namespace_is_for_its_readers() {
    let stage = Stage::start().await;
    let saved = stage.tell("/namespace/save", json!({"code": "team"})).await;
    let id = saved["data"]["id"].as_i64().expect("an id");
    let grant = (RoleScope::Namespace, id, Role::Observer);
    let reader = stage.server.person("reader", Some(grant)).await;
    let nobody = stage.server.person("nobody", None).await;
    let token = async |who: &str| {
        let body = json!({"codeLike": "team"});
        let page = stage.post(who, "null", "/namespace/list", body).await;
        page["data"]["data"][0]["token"]
            .as_str()
            .expect("a text")
            .to_owned()
    };
    assert_eq!(token(&nobody).await, "NO_PERMISSION_TO_SEE");
    assert!(token(&reader).await.len() >= 32);

    let all = stage
        .post(&nobody, "null", "/namespace/listAll", json!({}))
        .await;
    let all = all["data"].as_array().expect("a list").clone();
    assert_eq!(all.len(), 2);
    for namespace in all {
        let fields = namespace.as_object().expect("an object");
        let mut set: Vec<&str> = fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, _)| key.as_str())
            .collect();
        set.sort_unstable();
        set.retain(|key| *key != "name"); // one without a name has none
        assert_eq!(set, ["code", "id", "showName"]);
    }
}

/// Spec 06 case 54.
#[actix_web::test]
async fn an_application_is_in_a_namespace() {
    let stage = Stage::start().await;
    let save = async |body: Value| stage.tell("/appInfo/save", body).await;
    let message = |text: &str| json!(format!("PowerJobException: {text}"));
    for (body, text) in [
        (json!({}), "appName can't be empty"),
        (
            json!({"appName": "a b"}),
            "appName can't contains white space!",
        ),
        (json!({"appName": "new"}), "password can't be empty"),
        (
            json!({"appName": "new", "password": "p"}),
            "namespace can't be empty",
        ),
    ] {
        assert_eq!(save(body).await["message"], message(text));
    }
    let new = json!({
        "appName": "new", "password": "p", "namespaceCode": "default_namespace",
    });
    let saved = save(new.clone()).await;
    let default = stage.server.store.default_namespace().await.expect("one");
    assert_eq!(saved["data"]["namespaceId"], default.0, "{saved}");
    let taken = save(new).await;
    assert_eq!(
        (&taken["message"], &taken["code"]),
        (
            &message("ILLEGAL_ARGS_ERROR:App[new] already exists"),
            &json!("-501")
        )
    );
    let renamed = json!({
        "id": stage.own, "appName": "other", "password": "p", "namespaceId": default.0,
    });
    assert_eq!(
        save(renamed).await["message"],
        "IllegalArgumentException: NOT_ALLOW_CHANGE_THE_APP_NAME"
    );
}

/// Spec 06 case 56.
#[actix_web::test]
async fn related_are_applications_that_somebody_has_a_role_on() {
    let stage = Stage::start().await;
    let global = Some((RoleScope::Global, GLOBAL_TARGET, Role::Admin));
    let boss = stage.server.person("boss", global).await;
    let dev = stage.person("dev1", Role::Developer).await;
    let list = async |who: &str, related: bool| {
        let body = json!({"showMyRelated": related, "index": 0, "pageSize": 9});
        stage.post(who, "null", "/appInfo/list", body).await["data"].clone()
    };
    let none = json!({
        "index": 0, "pageSize": 0, "totalPages": 0, "totalItems": 0, "data": null,
    });
    assert_eq!(list(&boss, true).await, none);
    assert_eq!(list(&boss, false).await["totalItems"], 2);
    let related = list(&dev, true).await;
    assert_eq!(related["totalItems"], 1);
    assert_eq!(related["data"][0]["appName"], "a1");
}
