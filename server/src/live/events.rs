//! Changes as they happen, for live pages.
//!
//! With no subscriber a publication costs one load. A slow subscriber loses events and is told how
//! many; it never slows an actor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use dashmap::DashMap;
use powerjob_common::id::{AppId, JobId};
use tokio::sync::broadcast;

use crate::domain::instance::Instance;
use crate::domain::worker::Worker;

/// Events that may wait for one subscriber.
const BACKLOG: usize = 4_096;

/// A change in one application.
#[derive(Debug, Clone)]
pub enum Event {
    /// An instance is new or has changed.
    InstanceChanged {
        /// Its present state.
        instance: Arc<Instance>,
        /// Name of its job.
        job_name: Arc<str>,
    },
    /// A job was saved, switched or deleted.
    JobChanged {
        /// The job.
        job_id: JobId,
        /// Whether it is gone.
        deleted: bool,
    },
    /// A worker came, went or said something new of itself.
    WorkerChanged(Arc<Worker>),
}

/// Events were thrown away because the subscriber was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed(
    /// How many.
    pub u64,
);

/// Distributes events by application.
#[derive(Debug, Clone, Default)]
pub struct EventHub {
    subscribers: Arc<AtomicUsize>,
    apps: Arc<DashMap<AppId, broadcast::Sender<Event>>>,
}

/// The events of one application from the moment of subscribing on; dropping it unsubscribes.
#[derive(Debug)]
pub struct EventStream {
    events: broadcast::Receiver<Event>,
    hub: EventHub,
    app_id: AppId,
}

impl EventHub {
    /// Starts to receive the events of an application.
    pub fn subscribe(&self, app_id: AppId) -> EventStream {
        self.subscribers.fetch_add(1, Relaxed);
        let channel = self
            .apps
            .entry(app_id)
            .or_insert_with(|| broadcast::channel(BACKLOG).0);
        EventStream {
            events: channel.subscribe(),
            hub: self.clone(),
            app_id,
        }
    }

    /// Whether anyone receives events at all: ask before building an expensive one.
    pub fn is_watched(&self) -> bool {
        self.subscribers.load(Relaxed) > 0
    }

    /// Ends the streams of an application: its events happen elsewhere from now on.
    pub(crate) fn end(&self, app_id: AppId) {
        self.apps.remove(&app_id);
    }

    /// Hands the event to the subscribers of the application, if there are any.
    pub fn publish(&self, app_id: AppId, event: impl FnOnce() -> Event) {
        if !self.is_watched() {
            return;
        }
        if let Some(channel) = self.apps.get(&app_id) {
            // No receiver is left between the check and the send: nobody wants it, that is no error.
            drop(channel.send(event()));
        }
    }
}

impl EventStream {
    /// The next event, or how many were lost before it; `None` when the application has moved to another
    /// server: its events happen there.
    pub async fn next(&mut self) -> Option<Result<Event, Missed>> {
        match self.events.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Err(Missed(count))),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.hub.subscribers.fetch_sub(1, Relaxed);
        self.hub
            .apps
            .remove_if(&self.app_id, |_, channel| channel.receiver_count() <= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job_changed(id: i64) -> Event {
        Event::JobChanged {
            job_id: JobId(id),
            deleted: false,
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_what_it_missed() {
        let hub = EventHub::default();
        let mut stream = hub.subscribe(AppId(1));
        for id in 0..(BACKLOG as i64 + 7) {
            hub.publish(AppId(1), || job_changed(id));
        }
        assert_eq!(stream.next().await.and_then(Result::err), Some(Missed(7)));
        assert!(matches!(
            stream.next().await,
            Some(Ok(Event::JobChanged {
                job_id: JobId(7),
                ..
            }))
        ));
    }

    #[tokio::test]
    async fn nobody_gets_events_of_another_application() {
        let hub = EventHub::default();
        let mut stream = hub.subscribe(AppId(1));
        hub.publish(AppId(2), || unreachable!("nobody subscribed to it"));
        hub.publish(AppId(1), || job_changed(5));
        assert!(stream.next().await.is_some_and(|event| event.is_ok()));
    }

    #[test]
    fn without_subscribers_no_event_is_built() {
        let hub = EventHub::default();
        drop(hub.subscribe(AppId(1)));
        assert!(!hub.is_watched());
        hub.publish(AppId(1), || unreachable!("nobody watches"));
        assert!(hub.apps.is_empty());
    }
}
