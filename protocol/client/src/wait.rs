//! Waiting for the end of a run.

use std::time::Duration;

use futures_util::StreamExt;
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::Instance;

use crate::app::AppEvent;
use crate::client::Client;
use crate::error::Error;
use crate::sse::EventStream;

/// How often the run is looked at when events are not to be had; also the safety net beside them.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

impl Client {
    /// Waits until a run has ended and returns it. Waits for ever; put a time limit around it.
    ///
    /// Listens to the application's events and looks again every 2 s, so that a lost event or a
    /// server that goes away delays the answer but does not lose it.
    ///
    /// # Errors
    /// Any error but [`Error::Unavailable`] and [`Error::TooMany`], which are waited out.
    pub async fn wait_for_instance(&self, id: Id) -> Result<Instance, Error> {
        let mut events: Option<EventStream<AppEvent>> = None;
        loop {
            match self.instance(id).await {
                Ok(instance) if instance.summary.status.is_finished() => return Ok(instance),
                Ok(instance) => {
                    if events.is_none() {
                        events = self.app_events(instance.summary.app_id).await.ok();
                        if events.is_some() {
                            continue; // it may have ended before the events began
                        }
                    }
                }
                Err(Error::Unavailable { .. } | Error::TooMany { .. }) => events = None,
                Err(error) => return Err(error),
            }
            if !wait_for_news(&mut events, id).await {
                events = None;
            }
        }
    }
}

/// Returns when there is a reason to look: an end was told, or time has passed. `false` when the
/// events are over.
async fn wait_for_news(events: &mut Option<EventStream<AppEvent>>, id: Id) -> bool {
    let Some(stream) = events else {
        tokio::time::sleep(LOOK_INTERVAL).await;
        return false;
    };
    let told = async {
        while let Some(Ok(event)) = stream.next().await {
            match event {
                AppEvent::Instance(run) if run.id == id && run.status.is_finished() => return true,
                AppEvent::Lagged(_) => return true,
                _ => {}
            }
        }
        false
    };
    let Ok(is_alive) = tokio::time::timeout(LOOK_INTERVAL, told).await else {
        return true;
    };
    if !is_alive {
        tokio::time::sleep(LOOK_INTERVAL / 4).await; // no busy loop against a server that hangs up
    }
    is_alive
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::Stub;

    const RUNNING: &str = r#"{"id":"7","jobId":"2","jobName":"j","appId":"4","status":"RUNNING",
        "trigger":"API","attempt":1,"expectedAt":1,"startedAt":1,"finishedAt":null,"worker":"w",
        "result":"","jobParams":"","instanceParams":"","fullResult":"","jobRevision":1,
        "timeline":{},"attempts":[],"waitingFor":null,"traceId":"","actions":[]}"#;
    const ENDED: &str = r#"{"id":"7","jobId":"2","jobName":"j","appId":"4","status":"SUCCEED",
        "trigger":"API","attempt":1,"expectedAt":1,"startedAt":1,"finishedAt":2,"worker":"w",
        "result":"ok","jobParams":"","instanceParams":"","fullResult":"ok","jobRevision":1,
        "timeline":{},"attempts":[],"waitingFor":null,"traceId":"","actions":[]}"#;

    #[tokio::test]
    async fn an_event_ends_the_wait_at_once() {
        let event = "event: instance\ndata: {\"id\":\"7\",\"jobId\":\"2\",\"jobName\":\"j\",\"appId\":\"4\",\
            \"status\":\"SUCCEED\",\"trigger\":\"API\",\"attempt\":1,\"expectedAt\":1,\"result\":\"\"}\n\n";
        let stub = Stub::start(vec![
            (200, RUNNING),
            (200, event),
            (200, RUNNING),
            (200, ENDED),
        ])
        .await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let waited = tokio::time::timeout(LOOK_INTERVAL / 2, client.wait_for_instance(Id(7)));
        let ended = waited.await.expect("without polling").expect("ended");
        assert_eq!(ended.full_result, "ok");
    }

    #[tokio::test]
    async fn a_run_that_does_not_exist_is_not_waited_for() {
        let stub = Stub::start(vec![(404, "")]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let waited = client.wait_for_instance(Id(7)).await;
        assert!(matches!(waited, Err(Error::NotFound(_))));
    }
}
