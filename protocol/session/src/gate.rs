//! Who may come in.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use powerjob_common::secret::Secret;
use powerjob_protocol::wire::handshake::{Hello, Reject};

use crate::inbox::Inbox;
use crate::peer::PeerInfo;

/// An answer of a [`Gate`] that may take a moment: `Box::pin(async move { .. })`.
pub type GateFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a dialer gets when it is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Row id of its application; -1 = none.
    pub app_id: i64,
    /// Address of the server that owns the application; empty = not known.
    pub owner: String,
}

/// Decides who may come in. Called by the task of each handshake, within its time limit.
pub trait Gate: Send + Sync + 'static {
    /// All active secrets for `hello.key_id`, none if it is unknown. Mind `hello.role`: servers
    /// prove the secret of the cluster, workers that of the application `hello.app_name`, even if
    /// an application should be called `cluster`.
    fn secrets<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Vec<Secret<String>>>;

    /// Decides after the proof, or without one where that is allowed.
    ///
    /// # Errors
    /// [`Reject`] is told to the dialer.
    fn admit<'a>(&'a self, hello: &'a Hello) -> GateFuture<'a, Result<Admission, Reject>>;

    /// Who receives what the peer sends.
    fn inbox(&self, peer: &PeerInfo) -> Arc<dyn Inbox>;
}
