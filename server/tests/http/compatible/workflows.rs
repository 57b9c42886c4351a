//! Spec 06 section 15, cases 73 to 77: workflows in the console, as far as they are stored.

use serde_json::{Value, json};

use super::stage::Stage;

/// Spec 06 cases 73 and 74.
#[actix_web::test]
async fn a_graph_that_can_not_be_run_is_refused() {
    let stage = Stage::start().await;
    let (one, two) = (stage.node(json!({})).await, stage.node(json!({})).await);
    let decision = json!({"type": 2, "jobId": null, "nodeParams": "return true;"});
    let decision = stage.node(decision).await;
    let save = async |dag: Value| {
        let body = stage.workflow_body(dag);
        let answer = stage.tell("/workflow/save", body).await;
        answer["message"].as_str().unwrap_or_default().to_owned()
    };
    let (a, b) = (json!({"nodeId": one}), json!({"nodeId": two}));
    let edge = |from: &Value, to: &Value| json!({"from": from, "to": to});
    for dag in [
        Value::Null,
        json!({"nodes": [], "edges": []}),
        json!({"nodes": [a, b]}),
        json!({"nodes": [a, a], "edges": []}),
        json!({"nodes": [a, b], "edges": [edge(&one, &two), edge(&two, &one)]}),
    ] {
        assert_eq!(
            save(dag.clone()).await,
            "PowerJobException: illegal DAG",
            "{dag}"
        );
    }
    let unknown = save(json!({"nodes": [{"nodeId": 99_999}], "edges": []})).await;
    assert!(
        unknown.contains("can't find node info by id :99999"),
        "{unknown}"
    );

    let mut only = edge(&decision, &one);
    only["property"] = json!("true");
    let nodes = json!([{"nodeId": decision, "nodeType": 2}, a]);
    let refused = save(json!({"nodes": nodes, "edges": [only]})).await;
    let beginning = "PowerJobException: DecisionNode‘s out-degree must be 2";
    assert!(refused.starts_with(beginning), "{refused}");
    let nodes = json!([{"nodeId": decision, "nodeType": 2}, a, b]);
    let both = json!([only, {"from": decision, "to": two, "property": "false"}]);
    assert_eq!(save(json!({"nodes": nodes, "edges": both})).await, "");
}

/// Spec 06 cases 75, 76 and 77: definitions are of one application; runs are refused with the reason
/// until there is an engine.
#[actix_web::test]
async fn a_workflow_is_of_one_application() {
    let stage = Stage::start().await;
    let node = stage.node(json!({})).await;
    let dag = json!({"nodes": [{"nodeId": node}], "edges": []});
    let saved = stage.tell("/workflow/save", stage.workflow_body(dag)).await;
    let id = saved["data"].as_i64().expect("an id");
    let fetch = async |app: &str, id: i64| {
        let path = format!("/workflow/fetch?appId={app}&workflowId={id}");
        stage.get(&stage.server.admin, app, &path).await
    };
    assert_eq!(fetch(&stage.own, id).await["data"]["wfName"], "w");
    assert_eq!(
        fetch(&stage.other, id).await["message"],
        "PowerJobException: Permission Denied! can't operate other app's workflow!"
    );
    assert_eq!(
        fetch(&stage.own, 99_999).await["message"],
        "IllegalArgumentException: can't find workflow by id: 99999"
    );
    let own = &stage.own;
    let run = stage
        .ask(&format!("/workflow/run?appId={own}&workflowId={id}"))
        .await;
    assert_eq!(
        run["message"],
        "PowerJobException: this server stores workflows, but does not run them yet"
    );
    let retry = format!("/wfInstance/retry?appId={own}&wfInstanceId=1");
    let unknown = "IllegalArgumentException: can't find workflow instance by wfInstanceId: 1";
    assert_eq!(stage.ask(&retry).await["message"], unknown);
    assert_eq!(stage.tell(&retry, Value::Null).await["message"], unknown);

    for (action, shown) in [("disable", false), ("enable", true)] {
        let path = format!("/workflow/{action}?appId={own}&workflowId={id}");
        assert_eq!(stage.ask(&path).await["success"], true);
        assert_eq!(fetch(own, id).await["data"]["enable"], shown);
    }
    let copy = format!("/workflow/copy?appId={own}&workflowId={id}");
    let copy = stage.tell(&copy, Value::Null).await["data"]
        .as_i64()
        .expect("an id");
    assert_eq!(fetch(own, copy).await["data"]["wfName"], "w_COPY");
    let delete = format!("/workflow/delete?appId={own}&workflowId={id}");
    assert_eq!(stage.ask(&delete).await["success"], true);
    let list = json!({"appId": own, "index": 0, "pageSize": 9});
    let list = stage.tell("/workflow/list", list).await["data"].clone();
    assert_eq!(list["totalItems"], 1);
}
