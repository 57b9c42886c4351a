//! Workers of the reference, which speak HTTP with JSON: the second codec beside the native sessions.
//!
//! `http::java_worker` hands over what arrives; what goes out takes the [`link`] of the worker. The
//! actors see neither: a worker comes in, speaks and falls silent as over a session.

mod client;
mod cluster;
mod ends;
mod link;
mod logs;
mod peers;
mod reports;

use std::net::IpAddr;

use powerjob_protocol::json::AskResponse;

pub(crate) use self::client::JavaClient;
pub(crate) use self::peers::{JavaPeers, JavaPeersParts};
use crate::domain::address_rules::Untrusted;

/// What a worker gets for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Taken; there is nothing to say.
    Taken,
    /// The answer to a question.
    Answer(AskResponse),
    /// It makes no sense.
    Senseless,
}

/// Why a message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Who sends it is not trusted.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The worker wants to be spoken to over another transport.
    #[error("{WANTS_HTTP}")]
    Protocol,
    /// Too many workers.
    #[error("this server knows too many workers already")]
    Full,
}

/// What somebody with a worker of the other transport has to change.
pub(crate) const WANTS_HTTP: &str = "this server does not speak AKKA, only HTTP: set \
     `powerjob.worker.protocol=http` (Spring Boot) or `config.setProtocol(Protocol.HTTP)`, and start \
     the worker again";

/// Whether an address is one of this machine: only those can be bound. Nothing is sent.
pub(crate) fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || std::net::UdpSocket::bind((address, 0)).is_ok()
}
