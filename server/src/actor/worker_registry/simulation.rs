//! The registry without its actor, for the simulation.

use super::{
    Heartbeat, Inventory, SessionClosed, SessionOpened, WorkerRegistry, WorkerRegistryParts,
};

/// What the registry hears.
#[derive(Debug)]
pub(crate) enum RegistryLetter {
    Opened(SessionOpened),
    Closed(SessionClosed),
    Heartbeat(Heartbeat),
    Inventory(Inventory),
    Tick,
}

/// See the head of the file.
#[derive(Debug)]
pub(crate) struct RegistryShell(WorkerRegistry);

impl RegistryShell {
    pub(crate) fn new(parts: WorkerRegistryParts) -> Self {
        Self(WorkerRegistry::new(parts))
    }

    pub(crate) fn handle(&mut self, letter: RegistryLetter) {
        match letter {
            RegistryLetter::Opened(it) => self.0.opened(it),
            RegistryLetter::Closed(it) => self.0.closed(it),
            RegistryLetter::Heartbeat(it) => self.0.heartbeat(it),
            // A port of the simulation refuses nothing.
            RegistryLetter::Inventory(it) => drop(self.0.take_inventory(it)),
            RegistryLetter::Tick => self.0.tick(),
        }
    }
}
