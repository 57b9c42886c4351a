//! Load on the run calls: closed loops of clients, single or in batches.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::clock::monotonic;
use super::stage::Stage;
use super::stats::Quantiles;
use crate::http::Connection;

/// What a load reached.
#[derive(Debug)]
pub struct Reached {
    /// Durable, finished instances a second, from the first call to the last finish.
    pub per_second: f64,
    /// How many these were.
    pub instances: usize,
    /// Duration of the calls in milliseconds.
    pub call_ms: Quantiles,
}

/// `clients` closed loops make `calls` calls in all, each for `batch` runs (1 = the single call).
///
/// # Errors
/// When a call fails.
pub async fn closed_loop(
    stage: &mut Stage,
    job: &str,
    clients: usize,
    calls: usize,
    batch: usize,
) -> io::Result<Reached> {
    let start = monotonic();
    let times = calls_of(stage, request(job, batch, 0), clients, calls).await?;
    let instances = times.len() * batch;
    stage.until_done(instances as u64).await?;
    let per_second = instances as f64 / (monotonic() - start).as_secs_f64();
    Ok(Reached {
        per_second,
        instances,
        call_ms: Quantiles::of(times),
    })
}

/// As [`closed_loop`] for runs that start `delay_ms` later; accepted runs a second.
///
/// # Errors
/// When a call fails.
pub async fn delayed(
    stage: &Stage,
    job: &str,
    clients: usize,
    calls: usize,
    batch: usize,
    delay_ms: u64,
) -> io::Result<f64> {
    let start = monotonic();
    let times = calls_of(stage, request(job, batch, delay_ms), clients, calls).await?;
    Ok((times.len() * batch) as f64 / (monotonic() - start).as_secs_f64())
}

/// The same call again and again from each client; the durations in milliseconds.
async fn calls_of(
    stage: &Stage,
    (path, body): (String, String),
    clients: usize,
    calls: usize,
) -> io::Result<Vec<f64>> {
    let mut loops = Vec::new();
    for _ in 0..clients {
        let (path, body) = (path.clone(), body.clone());
        let mut connection = Connection::open(&stage.api.address, &stage.api.token).await?;
        loops.push(tokio::spawn(async move {
            let mut times = Vec::with_capacity(calls / clients);
            for _ in 0..calls / clients {
                let begin = monotonic();
                let answer = connection.call("POST", &path, body.as_bytes()).await?;
                if answer.status >= 300 {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    return Err(io::Error::other(format!("{}: {text}", answer.status)));
                }
                times.push((monotonic() - begin).as_secs_f64() * 1e3);
            }
            Ok(times)
        }));
    }
    let mut times = Vec::new();
    for client in loops {
        times.extend(client.await.map_err(io::Error::other)??);
    }
    Ok(times)
}

fn request(job: &str, batch: usize, delay_ms: u64) -> (String, String) {
    let run = if delay_ms == 0 {
        json!({})
    } else {
        json!({ "delayMs": delay_ms })
    };
    if batch == 1 {
        return (format!("/v1/jobs/{job}/runs"), run.to_string());
    }
    let runs: Vec<Value> = (0..batch).map(|_| run.clone()).collect();
    (
        format!("/v1/jobs/{job}/runs:batch"),
        json!({ "runs": runs }).to_string(),
    )
}

/// Single calls with a pause between them: duration of the call, and call to start, both in
/// milliseconds.
///
/// # Errors
/// When a call fails.
pub async fn idle_calls(
    stage: &mut Stage,
    job: &str,
    calls: usize,
) -> io::Result<(Quantiles, Value)> {
    let path = format!("/v1/jobs/{job}/runs");
    let mut connection = Connection::open(&stage.api.address, &stage.api.token).await?;
    let open = stage.open_instances().await?;
    stage.noted()?;
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let begin = monotonic();
        let body = json!({ "params": begin.as_nanos().to_string() }).to_string();
        let answer = connection.call("POST", &path, body.as_bytes()).await?;
        if answer.status >= 300 {
            return Err(io::Error::other(
                String::from_utf8_lossy(&answer.body).into_owned(),
            ));
        }
        times.push((monotonic() - begin).as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(5)).await; // allow-sleep: the pause is the load
    }
    stage.until_open(open).await?;
    Ok((Quantiles::of(times), stage.noted()?["sinceCallUs"].clone()))
}
