//! Applications, their workers and their live updates.

use powerjob_protocol::api::app::{
    App, AppChange, AppWithClientPassword, AppWithSecret, NewApp, NewClientPassword,
};
use powerjob_protocol::api::event::{Hello, JobChanged, Lagged};
use powerjob_protocol::api::id::Id;
use powerjob_protocol::api::instance::InstanceSummary;
use powerjob_protocol::api::page::Page;
use powerjob_protocol::api::worker::{Worker, WorkerOrderInput};

use crate::client::Client;
use crate::error::Error;
use crate::sse::{EventStream, Frame, data};
use crate::transport::Request;

/// Which applications to list; the default is all that the person may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppQuery {
    /// Part of the name or description.
    pub query: Option<String>,
    /// The exact name.
    pub name: Option<String>,
    /// One tag.
    pub tag: Option<String>,
    /// Where to go on, from the page before.
    pub cursor: Option<String>,
    /// Items of a page.
    pub limit: Option<u32>,
}

/// What happens in an application.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AppEvent {
    /// The first event: who answers.
    Hello(Hello),
    /// A run changed.
    Instance(Box<InstanceSummary>),
    /// A job was saved, switched or deleted.
    Job(JobChanged),
    /// A worker came, went or reported.
    Worker(Box<Worker>),
    /// Events were lost: load lists anew.
    Lagged(Lagged),
}

impl Client {
    /// Lists applications.
    pub async fn apps(&self, query: &AppQuery) -> Result<Page<App>, Error> {
        let request = Request::get("/v1/apps")
            .with("query", query.query.as_ref())
            .with("name", query.name.as_ref())
            .with("tag", query.tag.as_ref())
            .with("cursor", query.cursor.as_ref())
            .with("limit", query.limit);
        self.json(request).await
    }

    /// Makes an application; the secret for its workers is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the name is taken.
    pub async fn create_app(&self, app: &NewApp) -> Result<AppWithSecret, Error> {
        self.json(Request::post("/v1/apps", app)?).await
    }

    /// Loads an application.
    pub async fn app(&self, id: Id) -> Result<App, Error> {
        self.json(Request::get(format!("/v1/apps/{id}"))).await
    }

    /// Changes description or tags.
    pub async fn change_app(&self, id: Id, change: &AppChange) -> Result<App, Error> {
        self.json(Request::patch(format!("/v1/apps/{id}"), change)?)
            .await
    }

    /// Deletes an application.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it has jobs.
    pub async fn delete_app(&self, id: Id) -> Result<(), Error> {
        self.done(Request::delete(format!("/v1/apps/{id}"))).await
    }

    /// Replaces the secret of the application's workers; the old one ends at once.
    pub async fn renew_app_secret(&self, id: Id) -> Result<AppWithSecret, Error> {
        self.json(Request::act(format!("/v1/apps/{id}/secret")))
            .await
    }

    /// Gives the application's programs with the Java client a new password; tokens that they got for
    /// the former one end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that cannot be kept.
    pub async fn set_client_password(
        &self,
        id: Id,
        password: &NewClientPassword,
    ) -> Result<AppWithClientPassword, Error> {
        let path = format!("/v1/apps/{id}/client-password");
        self.json(Request::post(path, password)?).await
    }

    /// Lists the workers of an application.
    pub async fn workers(&self, id: Id) -> Result<Vec<Worker>, Error> {
        self.json(Request::get(format!("/v1/apps/{id}/workers")))
            .await
    }

    /// Takes a worker off line, on line again, or drains it.
    pub async fn order_worker(&self, id: Id, order: &WorkerOrderInput) -> Result<Worker, Error> {
        self.json(Request::post(
            format!("/v1/apps/{id}/worker-orders"),
            order,
        )?)
        .await
    }

    /// Follows what happens in an application.
    pub async fn app_events(&self, id: Id) -> Result<EventStream<AppEvent>, Error> {
        let request = Request::stream(format!("/v1/apps/{id}/events"));
        self.events(request, decode_event).await
    }
}

fn decode_event(frame: &Frame) -> Option<Result<AppEvent, Error>> {
    Some(match frame.event.as_str() {
        "hello" => data(frame).map(AppEvent::Hello),
        "instance" => data(frame).map(AppEvent::Instance),
        "job" => data(frame).map(AppEvent::Job),
        "worker" => data(frame).map(AppEvent::Worker),
        "lagged" => data(frame).map(AppEvent::Lagged),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub::Stub;
    use futures_util::StreamExt;
    use std::time::Duration;

    #[tokio::test]
    async fn events_are_decoded_and_unknown_ones_skipped() {
        let stub = Stub::start(vec![(
            200,
            "retry: 300\nevent: hello\ndata: {\"node\":\"n\",\"now\":1}\n\n\
             event: news\ndata: ?\n\nid: 9\nevent: job\ndata: {\"id\":\"3\",\"deleted\":true}\n\n",
        )])
        .await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let mut events = client.app_events(Id(1)).await.expect("stream");
        let first = events.next().await.expect("some").expect("good");
        assert!(matches!(first, AppEvent::Hello(hello) if hello.node == "n"));
        let second = events.next().await.expect("some").expect("good");
        assert!(matches!(second, AppEvent::Job(job) if job.id == Id(3) && job.deleted));
        assert!(events.next().await.is_none());
        assert_eq!(events.resume().last_event_id.as_deref(), Some("9"));
        assert_eq!(events.resume().retry_after, Duration::from_millis(300));
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so_once() {
        let stub = Stub::start(vec![(200, "event: hello\ndata: nonsense\n\n")]).await;
        let client = Client::builder()
            .server(stub.address())
            .build()
            .expect("client");
        let mut events = client.app_events(Id(1)).await.expect("stream");
        let first = events.next().await.expect("some");
        assert!(matches!(first, Err(Error::Unexpected { .. })));
    }
}
