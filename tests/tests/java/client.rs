//! The official Java client against our server over a list of addresses of which the first is dead:
//! spec 06 cases 87 to 90.

use std::collections::BTreeMap;

use powerjob_tests::eventually::eventually;
use powerjob_tests::java::LATEST;
use powerjob_tests::process::Process;

use crate::scene::{APP, LIMIT, Scene};

const PASSWORD: &str = "password of the app";

/// What the client says of each of its calls: whether it was right, and more about it.
async fn calls_of(scene: &Scene) -> BTreeMap<String, (bool, String)> {
    let home = scene.folder.path().join("client");
    std::fs::create_dir_all(&home).expect("a folder");
    let live = &scene.cluster.http;
    let addresses = format!("127.0.0.1:1,{live}");
    let mut command = scene.artefacts.java("ClientMain", &home);
    command.args([addresses.as_str(), APP, scene.app.as_str(), PASSWORD]);
    command.args([scene.api.token.as_str(), live.as_str()]);
    let log = home.join("client.log");
    let _client = Process::start(&mut command, &log).expect("a JVM");
    let said = eventually("the client has made all its calls", LIMIT, || async {
        let text = std::fs::read_to_string(&log).ok()?;
        (text.contains("\nEND") || text.contains("Exception in thread")).then_some(text)
    })
    .await;
    assert!(said.contains("\nEND"), "{said}");
    let lines = said.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(' ')?;
        let (call, more) = rest.split_once(": ")?;
        let is_right = match kind {
            "RIGHT" => true,
            "REFUSED" => false,
            _ => return None,
        };
        Some((call.to_owned(), (is_right, more.to_owned())))
    });
    lines.collect()
}

/// With tokens, as our server wants them unless it is told otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_client_of_5_1_1() {
    every_call(LATEST, "", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_client_of_5_1_0() {
    every_call("5.1.0", "", &[("queryInstanceInfo", None)]).await;
}

/// It knows no tokens.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_client_of_4_3() {
    let without_tokens = "openapi_auth = false\n";
    let otherwise = [
        (
            "wrong password",
            Some("PowerJobException: INCORRECT_PASSWORD"),
        ),
        ("queryInstanceInfo", None),
    ];
    every_call("4.3.9", without_tokens, &otherwise).await;
}

/// Calls that an older client words in another way, or does not have.
type Otherwise<'a> = &'a [(&'a str, Option<&'a str>)];

async fn every_call(version: &str, more: &str, otherwise: Otherwise<'_>) {
    let Some(scene) = Scene::configured(version, more).await else {
        return;
    };
    let calls = calls_of(&scene).await;
    let no_run = "IllegalArgumentException: can't find workflow instance by wfInstanceId: 1";
    let expected = [
        ("construct", true, ""),
        ("wrong password", false, "AUTH_FAILED_INCORRECT_PASSWORD"),
        ("saveJob", true, ""),
        (
            "saveJob without a name",
            false,
            "PowerJobException: jobName can't be empty",
        ),
        ("copyJob", true, ""),
        ("exportJob", true, ""),
        ("fetchJob", true, "by the client"),
        ("fetchAllJob", true, "2"),
        ("queryJob", true, "1"),
        ("disableJob", true, ""),
        ("enableJob", true, ""),
        (
            "fetchJob of nobody",
            false,
            "IllegalArgumentException: can't find job by jobId: 99999",
        ),
        ("runJob", true, ""),
        ("runJob later", true, ""),
        ("fetchInstanceStatus", true, "1"),
        ("fetchInstanceInfo", true, "later"),
        ("cancelInstance", true, ""),
        (
            "cancelInstance again",
            false,
            "PowerJobException: instance already up and running",
        ),
        ("stopInstance", true, ""),
        (
            "stopInstance again",
            false,
            "IllegalArgumentException: can't stop finished instance!",
        ),
        ("retryInstance", true, ""),
        (
            "stopInstance of nobody",
            false,
            "IllegalArgumentException: can't find instance by instanceId: 99999",
        ),
        // One for each run: the header of the token check is read as it has to be (section 1.1).
        ("queryInstanceInfo", true, "2"),
        ("saveWorkflowNode", true, ""),
        ("saveWorkflow", true, ""),
        ("fetchWorkflow", true, "first"),
        ("copyWorkflow", true, ""),
        ("deleteWorkflow", true, ""),
        ("disableWorkflow", true, ""),
        ("enableWorkflow", true, ""),
        (
            "runWorkflow",
            false,
            "PowerJobException: this server stores workflows, but does not run them yet",
        ),
        ("fetchWorkflowInstanceInfo", false, no_run),
        ("stopWorkflowInstance", false, no_run),
        ("retryWorkflowInstance", false, no_run),
        ("markWorkflowNodeAsSuccess", false, no_run),
        ("deleteJob", true, ""),
    ];
    let mut absent = 0;
    for (call, is_right, more) in expected {
        let differs = otherwise.iter().find(|(name, _)| *name == call);
        let more = match differs {
            None => Some(more),
            Some((_, text)) => *text,
        };
        absent += usize::from(more.is_none());
        let wanted = more.map(|more| (is_right, more.to_owned()));
        assert_eq!(calls.get(call), wanted.as_ref(), "{call} of {version}");
    }
    assert_eq!(calls.len() + absent, expected.len(), "{calls:?}");
}
