//! The end of a port that a test, or the simulation, holds instead of an actor.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::mpsc;

use super::letter::Letter;
use super::mail::Mail;
use super::port::{Cell, Deliver, Port, Refused};
use super::scope::ActorScope;
use super::stats::ActorStats;

struct Outlet<M: Letter>(mpsc::UnboundedSender<Mail<M>>);

impl<M: Letter> Deliver<M> for Outlet<M> {
    fn deliver(&self, mail: Mail<M>) -> Result<(), Refused> {
        self.0.send(mail).map_err(|_| Refused::Closed)
    }
}

struct Hand<F>(F);

impl<M: Letter, F: Fn(M) + Send + Sync> Deliver<M> for Hand<F> {
    fn deliver(&self, mail: Mail<M>) -> Result<(), Refused> {
        (self.0)(mail.open().0);
        Ok(())
    }
}

/// Receives what is sent to a port. The queue is bounded by the port's capacity.
#[derive(Debug)]
pub struct Probe<M: Letter> {
    mail: mpsc::UnboundedReceiver<Mail<M>>,
}

impl<M: Letter> Probe<M> {
    /// A port and the probe behind it.
    pub fn new(scope: &ActorScope, path: &str, capacity: usize) -> (Port<M>, Self) {
        let (sender, mail) = mpsc::unbounded_channel();
        let target: Box<dyn Deliver<M>> = Box::new(Outlet(sender));
        let cell: Cell<M> = Arc::new(RwLock::new(Some(target)));
        (
            Port::new(cell, ActorStats::new(path, capacity), scope.clone()),
            Self { mail },
        )
    }

    /// A port that hands every letter to `take` at once, and never refuses one.
    pub fn hand(
        scope: &ActorScope,
        path: &str,
        take: impl Fn(M) + Send + Sync + 'static,
    ) -> Port<M> {
        let target: Box<dyn Deliver<M>> = Box::new(Hand(take));
        let cell: Cell<M> = Arc::new(RwLock::new(Some(target)));
        Port::new(cell, ActorStats::new(path, usize::MAX), scope.clone())
    }

    /// The next letter; `None` when all ports are gone or none came within `limit`.
    pub async fn next(&mut self, limit: Duration) -> Option<M> {
        let mail = tokio::time::timeout(limit, self.mail.recv()).await.ok()??;
        Some(mail.open().0)
    }

    /// The next letter if one is there already.
    pub fn try_next(&mut self) -> Option<M> {
        self.mail.try_recv().ok().map(|mail| mail.open().0)
    }
}
