//! The attribute macro, typed parameters, and what becomes of what handlers return.

mod support;

use std::time::Duration;

use powerjob_worker::{
    BlockingProcessor, Output, ProcessResult, Processor, RunLogLayer, StartError, TaskContext,
    Worker, WorkerHandle, powerjob_handler,
};
use serde::{Deserialize, Serialize};
use support::{APP, FakeServer, SECRET, request, run};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Debug, Deserialize)]
struct Order {
    id: u64,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    price: u32,
}

#[derive(Debug, Serialize)]
struct Summary {
    order: u64,
    total: u32,
}

#[derive(Debug, thiserror::Error)]
#[error("the order cannot be closed")]
struct OrderError(#[source] std::num::ParseIntError);

#[powerjob_handler(name = "orders#close", aliases = ["com.acme.CloseOrder"])]
async fn close(ctx: &TaskContext, order: Order) -> Result<Summary, OrderError> {
    tracing::info!(order = order.id, "closing");
    let _ = ctx.job_id();
    Ok(Summary {
        order: order.id,
        total: order.items.iter().map(|item| item.price).sum(),
    })
}

#[powerjob_handler(name = "orders#fail")]
async fn fail(ctx: &TaskContext) -> Result<(), OrderError> {
    let Err(source) = ctx.params().parse::<u8>() else {
        return Ok(());
    };
    Err(OrderError(source))
}

#[powerjob_handler]
fn plain_text() -> &'static str {
    tracing::warn!("from a thread");
    "plain"
}

#[powerjob_handler]
fn nothing(_ctx: &TaskContext) {}

#[powerjob_handler]
async fn only_params(numbers: Vec<i32>) -> i32 {
    numbers.iter().sum()
}

#[powerjob_handler]
async fn processor_result(ctx: &TaskContext) -> ProcessResult {
    let number: i64 = ctx.params().parse()?;
    Ok(Output::text(format!("number {number}")))
}

struct Doubler;

impl Processor for Doubler {
    async fn process(&self, ctx: &TaskContext) -> ProcessResult {
        let number: i64 = ctx.params_as()?;
        Output::of(number * 2)
    }
}

struct Blocking;

impl BlockingProcessor for Blocking {
    fn process(&self, ctx: &TaskContext) -> ProcessResult {
        ctx.insert_extension(5_u8);
        Ok(format!("{:?}", ctx.extension::<u8>()).into())
    }
}

struct Stage {
    server: FakeServer,
    worker: WorkerHandle,
    session: powerjob_session::Session,
}

async fn stage() -> Stage {
    tracing_subscriber::registry()
        .with(RunLogLayer)
        .try_init()
        .ok();
    let mut server = FakeServer::start().await;
    let worker = Worker::builder()
        .app(APP)
        .secret(SECRET)
        .server(&server.addr.to_string())
        .register("double", Doubler)
        .register_blocking("blocking", Blocking)
        .register_blocking_fn("key", |ctx: &TaskContext| {
            Ok::<_, String>(ctx.idempotency_key())
        })
        .alias("com.acme.Doubler", "double")
        .start()
        .await
        .expect("a worker");
    let session = server.session().await;
    Stage {
        server,
        worker,
        session,
    }
}

impl Stage {
    async fn result(&mut self, instance_id: i64, processor: &str, params: &str) -> (u8, String) {
        run(&self.session, vec![request(instance_id, processor, params)]).await;
        let report = self.server.end_of(instance_id).await;
        (report.status, report.result)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_are_found_and_their_values_become_results() {
    let mut stage = stage().await;
    let order = r#"{"id":7,"items":[{"price":2},{"price":3}]}"#;
    let summary = (5, r#"{"order":7,"total":5}"#.to_owned());
    assert_eq!(stage.result(1, "orders#close", order).await, summary);
    assert_eq!(stage.result(2, "com.acme.CloseOrder", order).await, summary);
    assert_eq!(
        stage.result(3, "plain_text", "").await,
        (5, "plain".to_owned())
    );
    assert_eq!(stage.result(4, "nothing", "").await, (5, String::new()));
    assert_eq!(
        stage.result(5, "only_params", "[1,2,3]").await,
        (5, "6".to_owned())
    );
    assert_eq!(
        stage.result(6, "processor_result", "9").await,
        (5, "number 9".to_owned())
    );
    assert_eq!(stage.result(7, "double", "21").await, (5, "42".to_owned()));
    assert_eq!(
        stage.result(8, "com.acme.Doubler", "1").await,
        (5, "2".to_owned())
    );
    assert_eq!(
        stage.result(9, "blocking", "").await,
        (5, "Some(5)".to_owned())
    );
    assert_eq!(stage.result(10, "key", "").await, (5, "7-10".to_owned()));
    stage
        .worker
        .shutdown(Duration::ZERO)
        .await
        .expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_name_the_field_or_their_causes() {
    let mut stage = stage().await;
    let (status, text) = stage
        .result(1, "orders#close", r#"{"id":7,"items":[{"price":"x"}]}"#)
        .await;
    assert_eq!(status, 4);
    assert!(
        text.starts_with("bad parameter at 'items[0].price': invalid type"),
        "{text}"
    );
    let (_, text) = stage.result(2, "orders#close", r#"{"id":7}"#).await;
    assert!(text.contains("missing field `items`"), "{text}");
    let (status, text) = stage.result(3, "orders#fail", "many").await;
    assert_eq!(status, 4);
    assert_eq!(
        text,
        "the order cannot be closed: invalid digit found in string"
    );
    let (_, text) = stage.result(4, "processor_result", "x").await;
    assert_eq!(text, "invalid digit found in string");
    stage
        .worker
        .shutdown(Duration::ZERO)
        .await
        .expect("an orderly end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_inside_a_run_go_into_its_log() {
    let mut stage = stage().await;
    stage
        .result(1, "orders#close", r#"{"id":7,"items":[]}"#)
        .await;
    assert_eq!(
        stage.server.lines_of(1, |_| true).await,
        ["closing order=7"]
    );
    stage.result(2, "plain_text", "").await;
    assert_eq!(stage.server.lines_of(2, |_| true).await, ["from a thread"]);
    stage
        .worker
        .shutdown(Duration::ZERO)
        .await
        .expect("an orderly end");
}

#[tokio::test]
async fn a_name_used_twice_is_a_mistake_that_names_both_places() {
    let double = Worker::builder()
        .app(APP)
        .server("localhost:1")
        .register("nothing", Doubler)
        .start();
    let Err(StartError::Invalid(mistakes)) = double.await else {
        panic!("it must not start")
    };
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    assert_eq!(
        mistakes[0].matches("handlers.rs:").count(),
        2,
        "{}",
        mistakes[0]
    );
}

#[tokio::test]
async fn an_alias_of_nothing_is_a_mistake() {
    let wrong = Worker::builder()
        .app(APP)
        .server("localhost:1")
        .alias("a", "b")
        .start()
        .await;
    assert!(matches!(wrong, Err(StartError::Invalid(_))));
}
