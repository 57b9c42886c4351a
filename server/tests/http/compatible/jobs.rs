//! Spec 06 section 15, cases 59 to 67: jobs, expressions and instances in the console.

use powerjob_common::status::InstanceStatus;
use serde_json::{Value, json};

use super::stage::Stage;

/// Spec 06 cases 59 and 60: what is missing or wrong in a job is told in the reference's order.
#[actix_web::test]
async fn a_job_without_what_it_needs_is_refused() {
    let stage = Stage::start().await;
    let save = async |body: &Value| stage.tell("/job/save", body.clone()).await;
    let full = stage.job_body(&stage.own, None);
    let required = [
        "jobName",
        "processorInfo",
        "executeType",
        "processorType",
        "timeExpressionType",
    ];
    // Of several missing fields the first is told.
    let mut body = full.clone();
    for field in required.iter().rev() {
        body[field] = Value::Null;
        assert_eq!(
            save(&body).await["message"],
            format!("PowerJobException: {field} can't be empty")
        );
    }
    for field in ["jobName", "processorInfo"] {
        let mut body = full.clone();
        body[field] = json!("");
        let text = format!("PowerJobException: {field} can't be empty");
        assert_eq!(save(&body).await["message"], text);
    }
    for (kind, word) in [("FIXED_RATE", "rate"), ("FIXED_DELAY", "delay")] {
        for (expression, text) in [
            ("120001", format!("the {word} must be less than 120000ms")),
            ("0", format!("the {word} must be greater than 0 ms")),
            ("-5", format!("the {word} must be greater than 0 ms")),
            ("x", "invalid timeExpression!".to_owned()),
        ] {
            let mut body = full.clone();
            body["timeExpressionType"] = json!(kind);
            body["timeExpression"] = json!(expression);
            let answer = save(&body).await;
            assert_eq!(answer["message"], format!("PowerJobException: {text}"));
        }
    }
    let mut body = full.clone();
    body["timeExpressionType"] = json!("CRON");
    body["timeExpression"] = json!("0 0 2 * * ? 2001");
    assert_eq!(
        save(&body).await["message"],
        "PowerJobException: time expression is out of date: 0 0 2 * * ? 2001"
    );
    let mut body = full.clone();
    body["alarmConfig"] = json!({"alertThreshold": 1, "statisticWindowLen": 2});
    assert_eq!(
        save(&body).await["message"],
        "PowerJobException: illegal alarm config!"
    );
    let mut body = full.clone();
    body["id"] = json!(99_999);
    assert_eq!(
        save(&body).await["message"],
        "IllegalArgumentException: can't find job by jobId: 99999"
    );
    let mut body = full;
    body["lifeCycle"] = json!({"start": 4_102_444_800_000_i64, "end": 4_102_444_700_000_i64});
    assert_eq!(
        save(&body).await["message"],
        "PowerJobException: lifecycle is invalid! start time must earlier then end time."
    );
}

/// Spec 06 cases 61 and 62.
#[actix_web::test]
async fn saving_again_keeps_what_was_not_named() {
    let stage = Stage::start().await;
    let me = stage.ask("/auth/ifLogin").await["data"]["id"].to_string();
    let mut body = stage.job_body(&stage.own, None);
    let alarm = json!({"alertThreshold": 1, "statisticWindowLen": 2, "silenceWindowLen": 3});
    body["alarmConfig"] = alarm.clone();
    body["notifyUserIds"] = json!([me]);
    assert_eq!(stage.tell("/job/save", body).await["success"], true);
    let id = stage.last_job().await["id"].to_string();
    let mut again = stage.job_body(&stage.own, Some(&id));
    assert_eq!(
        stage.tell("/job/save", again.clone()).await["success"],
        true
    );
    let job = stage.last_job().await;
    assert_eq!(
        (&job["alarmConfig"], &job["notifyUserIds"]),
        (&alarm, &json!([me]))
    );
    again["notifyUserIds"] = json!([]);
    assert_eq!(stage.tell("/job/save", again).await["success"], true);
    assert_eq!(stage.last_job().await["notifyUserIds"], json!([]));

    let copy = stage
        .tell(&format!("/job/copy?jobId={id}"), Value::Null)
        .await;
    assert_eq!(copy["data"]["jobName"], "saved_COPY");
    let export = stage.ask(&format!("/job/export?jobId={id}")).await["data"].clone();
    assert_eq!(export["id"], Value::Null);
    let name = export["jobName"].as_str().expect("a name");
    assert!(name.starts_with("saved_EXPORT_"), "{name}");
    assert_eq!(
        stage.tell("/job/save", export).await["success"],
        true,
        "it is taken again"
    );
    let unknown = stage.tell("/job/copy?jobId=99999", Value::Null).await;
    assert_eq!(
        unknown["message"],
        "IllegalArgumentException: can't find job by jobId: 99999"
    );
}

/// Spec 06 case 63.
#[actix_web::test]
async fn a_job_is_looked_for_by_its_id() {
    let stage = Stage::start().await;
    let list = async |id: &str| {
        let body = json!({"appId": stage.own, "jobId": id, "index": 3, "pageSize": 10});
        stage.tell("/job/list", body).await
    };
    let found = list(&stage.own_job).await["data"].clone();
    assert_eq!(
        (&found["index"], &found["pageSize"], &found["totalItems"]),
        (&json!(0), &json!(10), &json!(1))
    );
    let foreign = list(&stage.other_job).await;
    let text = "请输入该app下的jobId";
    assert_eq!(
        foreign,
        json!({"success": false, "data": null, "message": text})
    );
    let none = list("99999").await["data"].clone();
    assert_eq!(
        (&none["totalItems"], &none["data"]),
        (&json!(0), &json!([]))
    );
    for (index, size, message) in [
        (-1, 1, "Page index must not be less than zero"),
        (0, 0, "Page size must not be less than one"),
    ] {
        let body = json!({"appId": stage.own, "index": index, "pageSize": size});
        let answer = stage.tell("/job/list", body).await;
        assert_eq!(
            answer["message"],
            format!("IllegalArgumentException: {message}")
        );
    }
    let body = json!({"appId": stage.own, "index": 9, "pageSize": 1});
    let past = stage.tell("/job/list", body).await["data"].clone();
    assert_eq!(
        (&past["data"], &past["totalItems"]),
        (&json!([]), &json!(1))
    );
}

/// Spec 06 case 64.
#[actix_web::test]
async fn an_expression_is_tried() {
    let stage = Stage::start().await;
    let texts = async |kind: &str, expression: &str| {
        let path = "/validate/timeExpression?timeExpressionType=";
        let path = format!("{path}{kind}&timeExpression={expression}");
        stage.ask(&path).await["data"].clone()
    };
    let five = texts("CRON", "0%200%202%20*%20*%20%3F").await;
    assert_eq!(five.as_array().map(Vec::len), Some(5), "{five}");
    assert!(
        five[0].as_str().expect("a time").ends_with(" 02:00:00"),
        "{five}"
    );
    let wrong = texts("CRON", "0%200%202").await;
    assert_eq!(wrong.as_array().map(Vec::len), Some(1), "{wrong}");
    let valid = json!(["It is valid, but has not trigger time list!"]);
    assert_eq!(texts("API", "").await, valid);
    assert_eq!(
        texts("FIXED_RATE", "x").await,
        json!(["PowerJobException: invalid timeExpression!"])
    );
    let path = "/validate/timeExpression?timeExpressionType=NOPE&timeExpression=1";
    assert_eq!(stage.ask(path).await["success"], false);
}

/// Spec 06 cases 65, 66 and 67.
#[actix_web::test]
async fn instances_are_listed_and_ended_ones_stay_ended() {
    let stage = Stage::start().await;
    let (app, job) = (&stage.own, &stage.own_job);
    let server = &stage.server;
    server
        .instance(app, job, 901, InstanceStatus::Running)
        .await;
    server
        .instance(app, job, 902, InstanceStatus::Succeed)
        .await;
    let list = async |more: Value| {
        let mut body = json!({"appId": app, "index": 0, "pageSize": 9});
        let more = more.as_object().expect("fields").clone();
        body.as_object_mut().expect("an object").extend(more);
        stage.tell("/instance/list", body).await
    };
    let begins = |answer: &Value, beginning: &str| {
        let message = answer["message"].as_str().expect("a message").to_owned();
        assert!(message.starts_with(beginning), "{message}");
    };
    begins(&list(json!({})).await, "NullPointerException: ");
    let wrong = list(json!({"type": "NORMAL", "status": "X"})).await;
    begins(&wrong, "IllegalArgumentException: No enum constant");
    for (more, wanted) in [
        (json!({"type": "NORMAL", "status": ""}), 2),
        (json!({"type": "NORMAL", "status": "RUNNING"}), 1),
        (json!({"type": "NORMAL", "instanceId": "902"}), 1),
        (json!({"type": "NORMAL", "jobId": stage.other_job}), 0),
        (json!({"type": "WORKFLOW"}), 0),
    ] {
        let found = list(more.clone()).await;
        assert_eq!(found["data"]["totalItems"], wanted, "{more}");
    }
    let page = list(json!({"type": "NORMAL", "status": "RUNNING"})).await;
    let shown = &page["data"]["data"][0];
    assert_eq!(
        (
            &shown["instanceId"],
            &shown["wfInstanceId"],
            &shown["jobName"]
        ),
        (&json!("901"), &json!("N/A"), &json!("own"))
    );

    let stop = format!("/instance/stop?appId={app}&instanceId=902");
    assert_eq!(
        stage.ask(&stop).await["message"],
        "IllegalArgumentException: can't stop finished instance!"
    );
    let retry = format!("/instance/retry?appId={app}&instanceId=901");
    assert_eq!(
        stage.ask(&retry).await["message"],
        "PowerJobException: Only stopped instance can be retry!"
    );
    let question = json!({"instanceId": "902", "customQuery": "status in (5, 6)"});
    let detail = stage.tell("/instance/detailPlus", question).await["data"].clone();
    assert_eq!(
        (&detail["status"], &detail["result"]),
        (&json!(5), &json!("done"))
    );
    assert_eq!(detail["queriedTaskDetailInfoList"], json!([]));
}
