//! The place of one actor in the tree.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, RwLock};

use actix::{Actor, Addr, Context, Handler};

use super::letter::Letter;
use super::mail::Mail;
use super::port::{Cell, Deliver, Port};
use super::scope::ActorScope;
use super::stats::ActorStats;

type Refill<A> = Box<dyn Fn(&Addr<A>) + Send + Sync>;

/// The place of one actor: made before the actor, so that neighbours can know each other's ports
/// before any of them runs, and kept when the actor is rebuilt.
pub struct ActorSlot<A: Actor<Context = Context<A>>> {
    stats: Arc<ActorStats>,
    scope: ActorScope,
    state: Arc<Mutex<State<A>>>,
}

struct State<A: Actor> {
    refills: Vec<Refill<A>>,
    present: Option<Addr<A>>,
}

impl<A: Actor<Context = Context<A>>> Clone for ActorSlot<A> {
    fn clone(&self) -> Self {
        Self {
            stats: self.stats.clone(),
            scope: self.scope.clone(),
            state: self.state.clone(),
        }
    }
}

impl<A: Actor<Context = Context<A>>> std::fmt::Debug for ActorSlot<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ActorSlot({})", self.stats.path)
    }
}

impl<A: Actor<Context = Context<A>>> ActorSlot<A> {
    /// A place at `path` whose queue has `capacity` places.
    pub fn new(scope: &ActorScope, path: &str, capacity: usize) -> Self {
        let stats = ActorStats::new(path, capacity);
        let state = State {
            refills: Vec::new(),
            present: None,
        };
        Self {
            stats,
            scope: scope.clone(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Where the actor stands in the tree.
    pub fn path(&self) -> &str {
        &self.stats.path
    }

    /// A port for letters of kind `M`. Letters are refused as `Closed` until the actor runs.
    pub fn port<M: Letter>(&self) -> Port<M>
    where
        A: Handler<Mail<M>>,
    {
        let cell: Cell<M> = Arc::new(RwLock::new(None));
        let port = Port::new(cell.clone(), self.stats.clone(), self.scope.clone());
        let refill: Refill<A> = Box::new(move |addr| {
            let target: Box<dyn Deliver<M>> = Box::new(addr.clone().recipient::<Mail<M>>());
            *cell
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(target);
        });
        let mut state = self.lock();
        if let Some(addr) = &state.present {
            refill(addr);
        }
        state.refills.push(refill);
        drop(state);
        port
    }

    /// Points all ports at a newly started actor and enters it into the directory.
    pub(super) fn occupy(&self, addr: &Addr<A>, is_rebuild: bool) {
        if is_rebuild {
            self.stats.restarts.fetch_add(1, Relaxed);
        }
        self.scope.directory().enter(self.stats.clone());
        let mut state = self.lock();
        for refill in &state.refills {
            refill(addr);
        }
        state.present = Some(addr.clone());
    }

    /// Takes the actor out of the directory.
    pub(super) fn vacate(&self) {
        self.scope.directory().leave(&self.stats.path);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<A>> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
