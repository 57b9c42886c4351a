//! What an official worker makes of jobs, as a table: all of them run at once on the same workers.

use serde_json::{Value, json};

/// One job, one run of it, and what must come of it.
pub(crate) struct Case {
    /// Name of the job, with the section of the specification that it is about.
    pub(crate) name: &'static str,
    /// Fields of the job.
    pub(crate) job: Value,
    /// Parameters of the run.
    pub(crate) params: &'static str,
    /// How it must end.
    pub(crate) status: &'static str,
    /// What the result must be.
    pub(crate) result: Wanted,
}

/// What a result must be.
pub(crate) enum Wanted {
    Exactly(&'static str),
    Contains(&'static str),
    LongerThan(usize),
}

use Wanted::{Contains, Exactly, LongerThan};

const BASIC: &str = "powerjob.tests.Basic";
const BROADCAST: &str = "powerjob.tests.Broadcast";
const SPREAD: &str = "powerjob.tests.Spread";

/// A run of [`BASIC`], unless the fields name another processor.
pub(crate) fn case(
    name: &'static str,
    job: Value,
    params: &'static str,
    status: &'static str,
    result: Wanted,
) -> Case {
    let mut fields = json!({ "processor": BASIC });
    let more = job.as_object().expect("fields").clone();
    fields.as_object_mut().expect("an object").extend(more);
    Case {
        name,
        job: fields,
        params,
        status,
        result,
    }
}

/// Cases that any number of workers passes.
pub(crate) fn standalone() -> Vec<Case> {
    vec![
        case(
            "05-4.1 success",
            json!({}),
            "hello",
            "SUCCEED",
            Exactly("hello"),
        ),
        case(
            "05-4.1 job parameters",
            json!({ "params": "of the job" }),
            "",
            "SUCCEED",
            Exactly("of the job"),
        ),
        case(
            "05-4.1 parameters of the run come beside those of the job",
            json!({ "params": "context" }),
            "context now",
            "SUCCEED",
            Contains("jobParams=context instanceParams=context now"),
        ),
        case(
            "05-4.1 text of all kinds",
            json!({}),
            "ä \"q\" \\ 雪 \u{1F600} <&>",
            "SUCCEED",
            Exactly("ä \"q\" \\ 雪 \u{1F600} <&>"),
        ),
        case(
            "05-3.2 failure",
            json!({}),
            "fail because",
            "FAILED",
            Exactly("because"),
        ),
        case(
            "04-10.2 exception",
            json!({}),
            "throw bad luck",
            "FAILED",
            Contains("bad luck"),
        ),
        case(
            "04-10.2 task retries of a light run",
            json!({ "taskRetries": 2 }),
            "retries 2",
            "SUCCEED",
            Exactly("retry 2"),
        ),
        case(
            "04-10.2 task retries used up",
            json!({ "taskRetries": 1 }),
            "retries 5",
            "FAILED",
            Exactly("retry 1"),
        ),
        case(
            "04-10.3 time limit",
            json!({ "timeLimitMs": 1500 }),
            "sleep 30000",
            "FAILED",
            Contains("timeout"),
        ),
        case(
            "04-1.1 a long result is cut by the worker",
            json!({}),
            "long 20000",
            "SUCCEED",
            LongerThan(8_000),
        ),
        case(
            "04-7 unknown class",
            json!({ "processor": "no.such.Processor" }),
            "",
            "FAILED",
            Contains("fetch Processor failed"),
        ),
        case(
            "04-10 a run that lasts longer than a report",
            json!({}),
            "sleep 17000",
            "SUCCEED",
            Exactly("slept"),
        ),
        case(
            "05-4.1 a processor with its method",
            json!({ "processor": "powerjob.tests.Basic" }),
            "again",
            "SUCCEED",
            Exactly("again"),
        ),
        case(
            "01-4.4 dispatch strategy RANDOM",
            json!({ "dispatchStrategy": "RANDOM" }),
            "r",
            "SUCCEED",
            Exactly("r"),
        ),
        case(
            "01-4.4 dispatch strategy ROUND_ROBIN",
            json!({ "dispatchStrategy": "ROUND_ROBIN" }),
            "rr",
            "SUCCEED",
            Exactly("rr"),
        ),
        case(
            "01-4.4 designated by tag",
            json!({ "designatedWorkers": "tagA" }),
            "t",
            "SUCCEED",
            Exactly("t"),
        ),
        case(
            "01-4.4 no worker has the tag",
            json!({ "designatedWorkers": "nobody", "noWorkerGraceMs": 1000 }),
            "x",
            "FAILED",
            Contains("no worker available"),
        ),
        case(
            "04-11 scripts are not for official workers",
            json!({ "processorType": "SHELL", "processor": "echo no", "noWorkerGraceMs": 1000 }),
            "",
            "FAILED",
            Contains("no worker available"),
        ),
        case(
            "02 MAP with one task",
            json!({ "processor": SPREAD, "executeType": "MAP", "params": "1" }),
            "",
            "SUCCEED",
            LongerThan(0),
        ),
    ]
}

/// Cases about what two workers share; `{0}` and `{1}` stand for their names.
pub(crate) fn shared() -> Vec<Case> {
    vec![
        case(
            "04-12.6 broadcast reaches both",
            json!({ "processor": BROADCAST, "executeType": "BROADCAST" }),
            "",
            "SUCCEED",
            Exactly("[before, context of {0}, context of {1}]"),
        ),
        case(
            "04-12.6 a broadcast fails with one of its parts",
            json!({ "processor": BROADCAST, "executeType": "BROADCAST", "params": "fail at context of {1}" }),
            "",
            "FAILED",
            Contains("context of {1}"),
        ),
        case(
            "04-12.6 a broadcast to one worker at most",
            json!({ "processor": BROADCAST, "executeType": "BROADCAST", "maxWorkers": 1, "designatedWorkers": "tagA" }),
            "",
            "SUCCEED",
            Exactly("[before, context of {0}]"),
        ),
        case(
            "04-12 map-reduce is shared by both",
            json!({ "processor": SPREAD, "executeType": "MAP_REDUCE", "params": "40 50", "concurrency": 2 }),
            "",
            "SUCCEED",
            Exactly("succeeded=40 workers=[context of {0}, context of {1}]"),
        ),
        case(
            "04-12 the reduce sees failed tasks",
            json!({ "processor": SPREAD, "executeType": "MAP_REDUCE", "params": "10 0 5", "taskRetries": 0 }),
            "",
            "SUCCEED",
            Contains("succeeded=8"),
        ),
        case(
            "04-12 map fails with a task",
            json!({ "processor": SPREAD, "executeType": "MAP", "params": "4 0 2", "taskRetries": 0 }),
            "",
            "FAILED",
            LongerThan(0),
        ),
    ]
}
