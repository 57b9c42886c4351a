//! A complete worker. Run it with POWERJOB_SERVER, POWERJOB_APP and POWERJOB_SECRET set.
use powerjob_worker::{BoxError, TaskContext, Worker, powerjob_handler};

#[powerjob_handler(name = "hello")]
async fn hello(ctx: &TaskContext) -> Result<String, BoxError> {
    ctx.logger().info("about to greet");
    Ok(format!("hello, {}", ctx.params()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let worker = Worker::from_env().start().await?;
    Ok(worker.join().await?)
}
