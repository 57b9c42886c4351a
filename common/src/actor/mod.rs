//! The thin layer over actix: every message between actors passes here.
//!
//! * [`Letter`]: what a message shows of itself to people who watch.
//! * [`Port`]: the bounded way to an actor; it counts, refuses at capacity and wraps in [`Mail`].
//! * [`ActorSlot`]: the place of one actor in the tree; its ports survive a rebuild of the actor.
//! * [`Guardian`]: starts actors, notices their death, and applies the policy of each.
//! * [`Directory`]: the live actors with their numbers. [`Tap`]: the messages as they pass.
//!
//! # Rules
//! 1. The only `do_send` of the code base is in `mail.rs`; a place in a queue is taken before it.
//! 2. A place is given back when the [`Ticket`] drops: capacity bounds queued plus running work.
//! 3. With nobody watching, the tap costs one relaxed load per message.

mod directory;
mod guardian;
mod letter;
mod mail;
mod port;
mod probe;
mod scope;
mod slot;
mod stats;
mod tap;

pub use directory::{ActorReading, Directory};
pub use guardian::{Guardian, OnDeath};
pub use letter::Letter;
pub use mail::{Mail, Ticket};
pub use port::{AskError, Port, Refused, Reply};
pub use probe::Probe;
pub use scope::ActorScope;
pub use slot::ActorSlot;
pub use stats::{ActorStats, Histogram, HistogramReading};
pub use tap::{Outcome, Sighting, Tap, TapFilter, TapRecord, TapStream};
