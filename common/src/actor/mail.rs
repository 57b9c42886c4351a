//! A letter on its way, and the proof that it was handled.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use serde_json::Value;

use super::letter::Letter;
use super::scope::ActorScope;
use super::stats::ActorStats;
use super::tap::{Outcome, Sighting};
use crate::id::InstanceId;
use crate::time::monotonic_now;

/// A letter with its sender, its place in the queue and the time it was sent.
#[derive(Debug)]
pub struct Mail<M: Letter> {
    letter: M,
    ticket: Ticket,
}

impl<M: Letter> actix::Message for Mail<M> {
    type Result = ();
}

impl<M: Letter> Mail<M> {
    pub(super) fn new(
        letter: M,
        from: Arc<str>,
        stats: Arc<ActorStats>,
        scope: ActorScope,
    ) -> Self {
        let weight = letter.weight().max(1);
        let ticket = Ticket {
            from,
            stats,
            scope,
            weight,
            name: M::NAME,
            life_cycle: M::LIFE_CYCLE,
            size_bytes: size_of::<M>(),
            sent_at: monotonic_now(),
            opened_at: None,
            outcome: Outcome::Ok,
            seen: None,
        };
        Self { letter, ticket }
    }

    /// Hands out the letter and its ticket. Keep the ticket until the work is done: its place in
    /// the queue and the handling time end with it.
    pub fn open(mut self) -> (M, Ticket) {
        self.ticket.opened_at = Some(monotonic_now());
        if self.ticket.scope.tap().wants(M::LIFE_CYCLE) {
            self.ticket.seen = Some(Seen {
                instances: self.letter.instances(),
                body: self
                    .ticket
                    .scope
                    .tap()
                    .wants_bodies()
                    .then(|| self.letter.to_json()),
            });
        }
        (self.letter, self.ticket)
    }
}

#[derive(Debug)]
struct Seen {
    instances: Vec<InstanceId>,
    body: Option<Value>,
}

/// The place of a letter in its actor's queue; gives it back when dropped.
#[derive(Debug)]
pub struct Ticket {
    from: Arc<str>,
    stats: Arc<ActorStats>,
    scope: ActorScope,
    weight: usize,
    name: &'static str,
    life_cycle: bool,
    size_bytes: usize,
    sent_at: Duration,
    opened_at: Option<Duration>,
    outcome: Outcome,
    seen: Option<Seen>,
}

impl Ticket {
    /// Marks the work as failed, so that people who watch errors see it.
    pub fn failed(&mut self) {
        self.outcome = Outcome::Failed;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stats.give_back(self.weight);
        let Some(opened_at) = self.opened_at else {
            self.report(Duration::ZERO, Duration::ZERO, Outcome::Dropped);
            return;
        };
        if std::thread::panicking() {
            self.outcome = Outcome::Failed;
        }
        let handling = monotonic_now().saturating_sub(opened_at);
        self.stats.handled.fetch_add(1, Relaxed);
        self.stats.handling.record(handling);
        self.report(
            opened_at.saturating_sub(self.sent_at),
            handling,
            self.outcome,
        );
    }
}

impl Ticket {
    fn report(&mut self, waited: Duration, handling: Duration, outcome: Outcome) {
        if outcome == Outcome::Ok && self.seen.is_none() {
            return;
        }
        let seen = self.seen.take();
        let (instances, body) = seen.map_or((Vec::new(), None), |seen| (seen.instances, seen.body));
        self.scope.tap().offer(Sighting {
            from: self.from.clone(),
            to: self.stats.path.clone(),
            name: self.name,
            life_cycle: self.life_cycle,
            size_bytes: self.size_bytes,
            waited,
            handling,
            outcome,
            instances,
            body,
        });
    }
}
