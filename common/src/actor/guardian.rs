//! Starts actors, notices their death and applies the policy of each.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix::{Actor, Addr, Context};
use actix_rt::ArbiterHandle;

use super::slot::ActorSlot;

/// What happens when an actor dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeath {
    /// The process ends with an error; a peer takes over (the default of STYLE section 10).
    EndProcess,
    /// It is built anew, at most `max_restarts` times in the life of the process, then as above.
    Rebuild {
        /// How often.
        max_restarts: u32,
    },
}

/// How often the guardian looks whether its actors live.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

trait Watched: Send {
    /// Whether all is well; an error names the actor that could not be kept alive.
    fn check(&mut self) -> Result<(), String>;
    fn leave(&self);
}

struct Ward<A: Actor<Context = Context<A>>, F> {
    slot: ActorSlot<A>,
    arbiter: ArbiterHandle,
    factory: Arc<F>,
    addr: Addr<A>,
    on_death: OnDeath,
    restarts: u32,
}

impl<A, F> Watched for Ward<A, F>
where
    A: Actor<Context = Context<A>> + 'static,
    F: Fn() -> A + Send + Sync + 'static,
{
    fn check(&mut self) -> Result<(), String> {
        if self.addr.connected() {
            return Ok(());
        }
        match self.on_death {
            OnDeath::Rebuild { max_restarts } if self.restarts < max_restarts => {
                self.restarts += 1;
                tracing::error!(
                    actor = self.slot.path(),
                    restarts = self.restarts,
                    "rebuilding a dead actor"
                );
                let factory = self.factory.clone();
                self.addr = A::start_in_arbiter(&self.arbiter, move |_| factory());
                self.slot.occupy(&self.addr, true);
                Ok(())
            }
            _ => Err(self.slot.path().to_owned()),
        }
    }

    fn leave(&self) {
        self.slot.vacate();
    }
}

/// Keeps the actors of a node alive. Clones are handles to the same guardian.
#[derive(Clone, Default)]
pub struct Guardian {
    wards: Arc<Mutex<Vec<Box<dyn Watched>>>>,
}

impl fmt::Debug for Guardian {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self
            .wards
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .len();
        write!(f, "Guardian({count} actors)")
    }
}

impl Guardian {
    /// A guardian without actors.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts an actor in its slot, on the arbiter `arbiter`; `factory` builds it, now and after
    /// each death that the policy forgives.
    pub fn start<A, F>(
        &self,
        slot: &ActorSlot<A>,
        arbiter: &ArbiterHandle,
        on_death: OnDeath,
        factory: F,
    ) where
        A: Actor<Context = Context<A>> + 'static,
        F: Fn() -> A + Send + Sync + 'static,
    {
        let factory = Arc::new(factory);
        let first = factory.clone();
        let addr = A::start_in_arbiter(arbiter, move |_| first());
        slot.occupy(&addr, false);
        let ward = Ward {
            slot: slot.clone(),
            arbiter: arbiter.clone(),
            factory,
            addr,
            on_death,
            restarts: 0,
        };
        self.lock().push(Box::new(ward));
    }

    /// Watches until an actor is dead for good and returns its path.
    pub async fn watch(&self) -> String {
        let mut tick = tokio::time::interval(WATCH_INTERVAL);
        loop {
            tick.tick().await;
            if let Some(dead) = self.lock().iter_mut().find_map(|ward| ward.check().err()) {
                return dead;
            }
        }
    }

    /// Lets go of all actors: the node shuts down and their end is no longer a death.
    pub fn release(&self) {
        for ward in self.lock().drain(..) {
            ward.leave();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Watched>>> {
        self.wards
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
