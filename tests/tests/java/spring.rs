//! The official Spring Boot starter and the official processors (spec 04 sections 1.3 and 19.1, spec 07
//! section 15), in one Spring Boot.

use powerjob_tests::java::{Artefacts, JavaWorker, LATEST, WorkerPlan};
use serde_json::json;

use crate::cases::{Case, Wanted, case};
use crate::scene::{APP, Scene};
use crate::worker::pass;

const SHELL: &str = "tech.powerjob.official.processors.impl.script.ShellProcessor";
const HTTP: &str = "tech.powerjob.official.processors.impl.HttpProcessor";
const VERIFICATION: &str = "tech.powerjob.official.processors.impl.VerificationProcessor";
const CLEANUP: &str = "tech.powerjob.official.processors.impl.FileCleanupProcessor";

use Wanted::{Contains, Exactly, LongerThan};

fn beans() -> Vec<Case> {
    let of = |processor: &str| json!({ "processor": processor });
    vec![
        case(
            "04-19.1 a bean by its name",
            of("greeter"),
            "x",
            "SUCCEED",
            Exactly("bean of java-app: x"),
        ),
        case(
            "04-19.1 a bean by its class",
            of("powerjob.tests.SpringMain$Greeter"),
            "y",
            "SUCCEED",
            Exactly("bean of java-app: y"),
        ),
        case(
            "04-19.1 a method of a bean",
            of("handlers#hello"),
            "you",
            "SUCCEED",
            Exactly("hello you"),
        ),
        case(
            "04-19.1 a method that throws",
            of("handlers#broken"),
            "",
            "FAILED",
            Contains("on purpose"),
        ),
        case(
            "07-15 case 4: nobody knows the processor",
            of("no.such.Processor"),
            "",
            "FAILED",
            Contains("fetch Processor failed"),
        ),
    ]
}

/// `http` is where the HTTP processor finds something.
fn official(http: &str) -> Vec<Case> {
    let of = |processor: &str| json!({ "processor": processor });
    let get = json!({ "url": format!("http://{http}/health") }).to_string();
    vec![
        case(
            "07-15 case 1: shell",
            of(SHELL),
            "echo hi",
            "SUCCEED",
            Contains("[INPUT]: hi\n;[ERROR]: "),
        ),
        case(
            "07-15 case 11: a script that fails",
            of(SHELL),
            "exit 3",
            "FAILED",
            Contains("[INPUT]: ;[ERROR]: "),
        ),
        case(
            "07-15 case 12: both outputs",
            of(SHELL),
            "echo out; echo err 1>&2",
            "SUCCEED",
            Contains("[INPUT]: out\n;[ERROR]: err\n"),
        ),
        case(
            "07-3 GET",
            of(HTTP),
            get.leak(),
            "SUCCEED",
            Contains("code:200, body:"),
        ),
        case(
            "07-15 case 31: no address",
            of(HTTP),
            "{}",
            "FAILED",
            Contains("url can't be empty!"),
        ),
        case(
            "07-8 verification",
            of(VERIFICATION),
            r#"{"mode":"BASE","responseSize":20}"#,
            "SUCCEED",
            Contains("EXECUTE_SUCCESSFULLY_"),
        ),
        case(
            "07-8 verification: an error",
            of(VERIFICATION),
            r#"{"mode":"ERROR"}"#,
            "FAILED",
            Contains("EXECUTE_FAILED_FOR_TEST"),
        ),
        case(
            "07-8 verification: an exception",
            of(VERIFICATION),
            r#"{"mode":"EXCEPTION"}"#,
            "FAILED",
            Contains("exception for test"),
        ),
        case(
            "07-8 verification: repeated on the worker",
            json!({ "processor": VERIFICATION, "taskRetries": 2 }),
            r#"{"mode":"RETRY"}"#,
            "SUCCEED",
            Contains("RETRY_SUCCESSFULLY!"),
        ),
        case(
            "07-8 verification: map-reduce",
            json!({
                "processor": VERIFICATION, "executeType": "MAP_REDUCE",
                "params": r#"{"mode":"MR","batchNum":2,"batchSize":5,"subTaskSuccessRate":1}"#,
            }),
            "",
            "SUCCEED",
            LongerThan(100),
        ),
        case(
            "07-4 clean-up is off by default",
            json!({ "processor": CLEANUP, "executeType": "BROADCAST", "params": "[]" }),
            "",
            "FAILED",
            Contains("failed:1"),
        ),
    ]
}

#[tokio::test]
async fn a_spring_boot_with_the_official_processors_passes_its_cases() {
    let Some(mut scene) = Scene::without_workers(LATEST).await else {
        return;
    };
    let artefacts = Artefacts::spring().expect("the artefacts");
    let plan = WorkerPlan {
        servers: &scene.cluster.http,
        app: APP,
        protocol: "HTTP",
        tag: "",
    };
    let folder = scene.folder.path();
    let worker =
        JavaWorker::spawn_main(&artefacts, folder, "spring", "SpringMain", &plan).expect("a JVM");
    worker.until_ready().await;
    scene.workers.push(worker);
    scene.api.until_workers(&scene.app, 1).await;
    let mut cases = beans();
    cases.extend(official(&scene.cluster.http));
    pass(&scene, &cases).await;
}
