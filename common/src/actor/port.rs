//! The bounded way to an actor.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::letter::Letter;
use super::mail::Mail;
use super::scope::ActorScope;
use super::stats::ActorStats;

/// Why a letter was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue is full: try again later.
    #[error("the queue of the actor is full")]
    Full,
    /// The actor is not running.
    #[error("the actor is not running")]
    Closed,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It was not taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It was taken, but no answer came in time: whether it was carried out is unknown.
    #[error("no answer within the time limit")]
    Timeout,
    /// It was taken, but the actor ended or dropped it before it answered.
    #[error("the actor ended before it answered")]
    Lost,
}

/// The way back for an answer; dropping it tells the asker that there will be none.
#[derive(Debug)]
pub struct Reply<T>(oneshot::Sender<T>);

impl<T> Reply<T> {
    /// A reply and the end that waits for it.
    pub fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers. An asker who no longer waits is no error.
    pub fn send(self, answer: T) {
        drop(self.0.send(answer));
    }
}

/// Where a port puts its mail.
pub(super) trait Deliver<M: Letter>: Send + Sync {
    fn deliver(&self, mail: Mail<M>) -> Result<(), Refused>;
}

impl<M: Letter> Deliver<M> for actix::Recipient<Mail<M>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one do_send; the place was taken before"
    )]
    fn deliver(&self, mail: Mail<M>) -> Result<(), Refused> {
        if !self.connected() {
            return Err(Refused::Closed);
        }
        self.do_send(mail);
        Ok(())
    }
}

pub(super) type Cell<M> = Arc<RwLock<Option<Box<dyn Deliver<M>>>>>;

/// The way to an actor for one kind of letter. Cheap to clone; stays valid when the actor is rebuilt.
pub struct Port<M: Letter> {
    cell: Cell<M>,
    stats: Arc<ActorStats>,
    scope: ActorScope,
    from: Arc<str>,
}

impl<M: Letter> Clone for Port<M> {
    fn clone(&self) -> Self {
        Self {
            cell: self.cell.clone(),
            stats: self.stats.clone(),
            scope: self.scope.clone(),
            from: self.from.clone(),
        }
    }
}

impl<M: Letter> std::fmt::Debug for Port<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Port<{}>({} -> {})", M::NAME, self.from, self.stats.path)
    }
}

impl<M: Letter> Port<M> {
    pub(super) fn new(cell: Cell<M>, stats: Arc<ActorStats>, scope: ActorScope) -> Self {
        Self {
            cell,
            stats,
            scope,
            from: "?".into(),
        }
    }

    /// The same port in the hands of `from`, whose path people see as the sender.
    pub fn from(&self, from: &str) -> Self {
        Self {
            from: from.into(),
            ..self.clone()
        }
    }

    /// Queued plus running work of the actor behind the port.
    pub fn depth(&self) -> usize {
        self.stats.depth()
    }

    /// Sends a letter without waiting.
    ///
    /// # Errors
    /// [`Refused::Full`] at capacity, [`Refused::Closed`] when the actor is not running.
    pub fn tell(&self, letter: M) -> Result<(), Refused> {
        let weight = letter.weight().max(1);
        if !self.stats.take(weight) {
            return Err(Refused::Full);
        }
        let mail = Mail::new(
            letter,
            self.from.clone(),
            self.stats.clone(),
            self.scope.clone(),
        );
        let cell = self
            .cell
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match cell.as_ref() {
            Some(target) => target.deliver(mail),
            None => Err(Refused::Closed),
        }
    }

    /// Sends the letter that `letter` builds around a [`Reply`] and waits for the answer, for at
    /// most `limit`.
    ///
    /// # Errors
    /// See [`AskError`]. After `Timeout` and `Lost` the work may or may not have been done.
    pub async fn ask<T: Send>(
        &self,
        limit: Duration,
        letter: impl FnOnce(Reply<T>) -> M,
    ) -> Result<T, AskError> {
        let (reply, answer) = Reply::channel();
        self.tell(letter(reply))?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(AskError::Lost),
            Err(_) => Err(AskError::Timeout),
        }
    }
}
