//! Spec 05 section 14.1: how the reference's messages are written and read.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use powerjob_protocol::json::{
    AskResponse, Bytes, InstanceDetail, InstanceStatusReport, ResultDto, RunJob, TaskDetail,
    WorkerHeartbeat, decode, encode,
};
use serde::Serialize;
use serde_json::{Value, json};

fn written<M: Serialize>(message: &M) -> Value {
    serde_json::to_value(message).unwrap()
}

fn text<M: Serialize>(message: &M) -> String {
    String::from_utf8(encode(message)).unwrap()
}

/// Spec 05 cases A01, A09, A10 and A14.
#[test]
fn what_is_not_set_is_left_out() {
    let heartbeat = json!({
        "heartbeatTime": 0, "lightTaskTrackerNum": 0, "heavyTaskTrackerNum": 0, "overload": false,
    });
    assert_eq!(written(&WorkerHeartbeat::default()), heartbeat);
    let run = json!({ "instanceTimeoutMS": 0, "threadConcurrency": 0, "taskRetryNum": 0 });
    assert_eq!(written(&RunJob::default()), run);
    let report = json!({
        "instanceStatus": 0, "totalTaskNum": 0, "succeedTaskNum": 0, "failedTaskNum": 0,
        "startTime": 0, "reportTime": 0, "needAlert": false,
    });
    assert_eq!(written(&InstanceStatusReport::default()), report);
    assert_eq!(text(&InstanceDetail::default()), "{}");
    let detail = InstanceDetail {
        task_detail: Some(TaskDetail::default()),
        ..InstanceDetail::default()
    };
    let counts = json!({ "totalTaskNum": 0, "succeedTaskNum": 0, "failedTaskNum": 0 });
    assert_eq!(written(&detail), json!({ "taskDetail": counts }));
}

/// Spec 05 case A02.
#[test]
fn the_flag_of_a_full_worker_has_the_key_that_java_writes() {
    let read = |body: &str| decode::<WorkerHeartbeat>(body.as_bytes()).unwrap().overload;
    assert!(read(r#"{"overload":true}"#));
    assert!(read(r#"{"overload":"TRUE"}"#) && read(r#"{"overload":1}"#));
    assert!(!read(r#"{"isOverload":true}"#));
}

/// Spec 05 cases A03 and A04.
#[test]
fn answers() {
    assert_eq!(text(&AskResponse::done()), r#"{"success":true}"#);
    let refused = AskResponse::refused("x");
    assert_eq!(text(&refused), r#"{"success":false,"message":"x"}"#);
    let workers = AskResponse::with(&["10.0.0.1:27777", "10.0.0.2:27777"]);
    assert_eq!(
        written(&workers)["data"],
        "WyIxMC4wLjAuMToyNzc3NyIsIjEwLjAuMC4yOjI3Nzc3Il0"
    );
    let hello = AskResponse {
        data: Some(Bytes(b"hello".to_vec())),
        ..AskResponse::done()
    };
    assert_eq!(written(&hello)["data"], "aGVsbG8");
}

/// Spec 05 cases A05 and A06.
#[test]
fn bytes_are_written_in_one_alphabet_and_read_in_both() {
    let bytes = vec![0xfb, 0xff, 0xfe, 0x01];
    assert_eq!(written(&Bytes(bytes.clone())), "-__-AQ");
    for data in ["-__-AQ", "-__-AQ==", "+//+AQ==", "+//+AQ"] {
        let body = json!({ "success": true, "data": data }).to_string();
        let answer: AskResponse = decode(body.as_bytes()).unwrap();
        assert_eq!(answer.data, Some(Bytes(bytes.clone())), "{data}");
    }
    assert!(decode::<AskResponse>(br#"{"data":[1,2]}"#).is_err());
}

/// Spec 05 cases A07 and A08.
#[test]
fn numbers_and_texts_are_read_leniently() {
    let body = json!({ "instanceId": 241_521_139_652_755_520_i64 }).to_string();
    let run: RunJob = decode(body.as_bytes()).unwrap();
    assert_eq!(written(&run)["instanceId"], 241_521_139_652_755_520_i64);
    let body = br#"{"instanceId":"123","instanceTimeoutMS":null,"threadConcurrency":"7",
        "taskRetryNum":1.0,"jobId":5.0,"unknown":{"a":1},"allWorkerAddress":["a:1"],"jobParams":12}"#;
    let run: RunJob = decode(body).unwrap();
    assert_eq!((run.instance_id, run.job_id), (Some(123), Some(5)));
    assert_eq!(
        (
            run.instance_timeout_ms,
            run.thread_concurrency,
            run.task_retry_num
        ),
        (0, 7, 1)
    );
    assert_eq!(run.all_worker_address, ["a:1"]);
    assert_eq!(run.job_params.as_deref(), Some("12"));
    let fraction: RunJob = decode(br#"{"jobId":1.9,"instanceId":1e3,"wfInstanceId":""}"#).unwrap();
    assert_eq!(
        (fraction.job_id, fraction.instance_id),
        (Some(1), Some(1_000))
    );
    assert_eq!(fraction.wf_instance_id, None);
    let twice: RunJob = decode(br#"{"jobId":1,"jobId":2}"#).unwrap();
    assert_eq!(twice.job_id, Some(2));
    for wrong in [
        r#"{"jobId":"x"}"#,
        r#"{"jobId":true}"#,
        r#"{"jobId":1e30}"#,
        r#"{"jobId":18446744073709551615}"#,
        r#"{"jobParams":{}}"#,
        r#"{"allWorkerAddress":"a:1"}"#,
        r#"{"threadConcurrency":4294967296}"#,
        "[]",
        "null",
        "",
        "{} {}",
    ] {
        assert!(decode::<RunJob>(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

/// Spec 05 case A12.
#[test]
fn metrics_may_be_no_numbers() {
    let body = br#"{"systemMetrics":{"cpuLoad":"NaN","diskUsage":"Infinity","score":null}}"#;
    let heartbeat: WorkerHeartbeat = decode(body).unwrap();
    let metrics = heartbeat.system_metrics.unwrap();
    assert!(metrics.cpu_load.is_nan() && metrics.disk_usage.is_infinite());
    assert_eq!(metrics.score, 0);
}

/// Spec 05 case A15.
#[test]
fn web_answers_write_their_nulls() {
    let done = text(&ResultDto::done(1));
    assert_eq!(done, r#"{"success":true,"data":1,"message":null}"#);
    let refused = text(&ResultDto::<i64>::refused("no"));
    assert_eq!(refused, r#"{"success":false,"data":null,"message":"no"}"#);
}
