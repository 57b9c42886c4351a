//! Sends traces to a collector: OTLP over HTTP, many runs in one request.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::otlp::{Resource, encode};
use super::spans::EndedRun;
use super::{Counts, TraceConfig};

/// Runs of one request.
const BATCH_RUNS: usize = 512;
/// The first run of a request waits so long for others.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// A collector has to answer within this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Where collectors take traces, below their base address.
const PATH: &str = "v1/traces";

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Not an address.
    #[error("server.otlp_endpoint: `{0}` is no http:// or https:// address")]
    Endpoint(String),
    /// Not headers; their values are never shown.
    #[error("server.otlp_headers: write name=value,name=value")]
    Headers,
    /// No client.
    #[error("server.otlp_endpoint: the HTTP client cannot be used")]
    Client(#[source] reqwest::Error),
}

/// The sending side.
#[derive(Debug)]
pub(super) struct Exporter {
    client: Client,
    url: Url,
    headers: HeaderMap,
    resource: Resource,
    counts: Arc<Counts>,
}

impl Exporter {
    pub(super) fn new(
        config: &TraceConfig,
        node: &str,
        counts: Arc<Counts>,
    ) -> Result<Self, SetupError> {
        let headers = config.headers.as_ref();
        let headers = headers_of(headers.map_or("", |headers| headers.expose().as_str()))?;
        let client = Client::builder().timeout(ANSWER_LIMIT).build();
        Ok(Self {
            client: client.map_err(SetupError::Client)?,
            url: url_of(&config.endpoint)?,
            headers,
            resource: Resource {
                service: "powerjob-server",
                version: env!("CARGO_PKG_VERSION"),
                node: node.to_owned(),
            },
            counts,
        })
    }

    /// Sends until nobody can offer runs any more.
    pub(super) async fn run(self, mut runs: mpsc::Receiver<EndedRun>) {
        let mut is_well = true;
        while let Some(first) = runs.recv().await {
            let batch = gather(first, &mut runs).await;
            let count = batch.len() as u64;
            let spans: Vec<_> = batch.iter().flat_map(EndedRun::spans).collect();
            let result = self.send(encode(&self.resource, &spans)).await;
            let counter = match &result {
                Ok(()) => &self.counts.sent,
                Err(_) => &self.counts.lost,
            };
            counter.fetch_add(count, Relaxed);
            match &result {
                Err(error) if is_well => {
                    tracing::warn!(error, url = %self.url, "traces are lost: the collector does not take them");
                }
                Ok(()) if !is_well => tracing::info!("the collector takes traces again"),
                _ => {}
            }
            is_well = result.is_ok();
        }
    }

    async fn send(&self, body: Vec<u8>) -> Result<(), String> {
        let request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(body);
        let answer = request.send().await.map_err(|error| error.to_string())?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    }
}

async fn gather(first: EndedRun, runs: &mut mpsc::Receiver<EndedRun>) -> Vec<EndedRun> {
    let mut batch = vec![first];
    let until = Instant::now() + BATCH_WAIT;
    while batch.len() < BATCH_RUNS
        && let Ok(Some(run)) = timeout_at(until, runs.recv()).await
    {
        batch.push(run);
    }
    batch
}

/// The address of traces below a base address; one that names them already is taken as it is.
fn url_of(endpoint: &str) -> Result<Url, SetupError> {
    let wrong = || SetupError::Endpoint(endpoint.to_owned());
    let base = endpoint.trim_end_matches('/');
    if base.ends_with(':') {
        return Err(wrong());
    }
    let text = match base.ends_with(PATH) {
        true => base.to_owned(),
        false => format!("{base}/{PATH}"),
    };
    let url: Url = text.parse().map_err(|_| wrong())?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(wrong())
    }
}

fn headers_of(text: &str) -> Result<HeaderMap, SetupError> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let mut headers = HeaderMap::new();
    for pair in pairs {
        let (name, value) = pair.split_once('=').ok_or(SetupError::Headers)?;
        let name: HeaderName = name.trim().parse().map_err(|_| SetupError::Headers)?;
        let mut value: HeaderValue = value.trim().parse().map_err(|_| SetupError::Headers)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_added_unless_it_is_there() {
        for (endpoint, expected) in [
            ("http://a:4318", "http://a:4318/v1/traces"),
            ("http://a:4318/", "http://a:4318/v1/traces"),
            ("https://a/x", "https://a/x/v1/traces"),
            ("https://a/v1/traces", "https://a/v1/traces"),
        ] {
            assert_eq!(url_of(endpoint).expect(endpoint).as_str(), expected);
        }
        for wrong in ["a:4318", "ftp://a", "", "http://"] {
            assert!(url_of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_names_and_values() {
        let headers = headers_of("authorization=Bearer a=b, x-scope=1,").expect("headers");
        assert_eq!(headers["authorization"], "Bearer a=b");
        assert_eq!(headers["x-scope"], "1");
        for wrong in ["authorization", "a b=c", "=x"] {
            assert!(headers_of(wrong).is_err(), "{wrong}");
        }
    }
}
