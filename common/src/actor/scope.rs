//! What all actors of one process share: its name, the directory and the tap.

use std::sync::Arc;

use super::directory::Directory;
use super::tap::Tap;
use crate::time::Clock;

/// The common ground of the actors of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ActorScope {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    node: Arc<str>,
    directory: Directory,
    tap: Tap,
    clock: Arc<dyn Clock>,
}

impl ActorScope {
    /// The scope of the node `node`.
    pub fn new(node: &str, clock: Arc<dyn Clock>) -> Self {
        let node: Arc<str> = node.into();
        let tap = Tap::new(node.clone(), clock.clone());
        Self {
            inner: Arc::new(Inner {
                node,
                directory: Directory::default(),
                tap,
                clock,
            }),
        }
    }

    /// Name of the node as people see it.
    pub fn node(&self) -> &Arc<str> {
        &self.inner.node
    }

    /// The live actors.
    pub fn directory(&self) -> &Directory {
        &self.inner.directory
    }

    /// The messages as they pass.
    pub fn tap(&self) -> &Tap {
        &self.inner.tap
    }

    /// The clock of the node.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}
