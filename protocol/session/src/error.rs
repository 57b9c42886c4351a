//! What can go wrong with a session.

use powerjob_protocol::wire::codec::CodecError;
use powerjob_protocol::wire::control::ErrorCode;
use powerjob_protocol::wire::frame::EncodeError;
use powerjob_protocol::wire::handshake::Reject;

/// Why a message was not sent or a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A queue of this side is full: try again later.
    #[error("too much waits for this session")]
    Overloaded,
    /// The session has ended or is about to. Whether a question was carried out is unknown.
    #[error("the session has ended")]
    Disconnected,
    /// No answer in time. Whether the question was carried out is unknown.
    #[error("no answer within the time limit")]
    Timeout,
    /// The peer answered with an error.
    #[error("the peer answered {code}: {message}")]
    Peer {
        /// What went wrong.
        code: ErrorCode,
        /// For people.
        message: String,
        /// When to try again; 0 = not worth it or not known.
        retry_after_ms: u32,
    },
    /// The message does not fit into a frame: send less at once.
    #[error("the message does not fit into a frame")]
    TooLarge,
    /// The message or its answer does not have the layout of its type.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl From<EncodeError> for SessionError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLarge(_) | EncodeError::Body(CodecError::TooLarge(_)) => Self::TooLarge,
            EncodeError::Body(error) => Self::Codec(error),
            EncodeError::Path => Self::Codec(CodecError::Malformed(error.to_string())),
        }
    }
}

/// Why there is no session with a peer.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No TCP connection.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The handshake took too long.
    #[error("{address} did not complete the handshake in time")]
    Timeout {
        /// The address.
        address: String,
    },
    /// The peer refused: see the code.
    #[error("{address} refused the session")]
    Rejected {
        /// The address.
        address: String,
        /// What it said.
        #[source]
        reject: Reject,
    },
    /// The peer could not prove that it knows the secret: this is not our server.
    #[error("{address} could not prove that it knows the secret")]
    Impostor {
        /// The address.
        address: String,
    },
    /// The peer does not keep to the protocol, or does not speak it at all.
    #[error("{address} does not keep to the protocol: {reason}")]
    Protocol {
        /// The address.
        address: String,
        /// What was wrong.
        reason: String,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseCause {
    /// This side closed it.
    Local {
        /// Why.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// The peer said that it goes, and went.
    GoAway {
        /// Why.
        code: ErrorCode,
        /// For people.
        message: String,
    },
    /// The peer closed the connection without a word: it died or was stopped.
    PeerGone,
    /// The connection broke.
    Lost(String),
    /// The peer sent nothing for too long.
    Silence,
    /// The peer broke the protocol.
    Protocol(String),
}

impl CloseCause {
    /// Whether one of the sides wanted it.
    pub fn is_orderly(&self) -> bool {
        matches!(self, Self::Local { .. } | Self::GoAway { .. })
    }
}

impl std::fmt::Display for CloseCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local { code, message } => write!(f, "closed here: {code}: {message}"),
            Self::GoAway { code, message } => write!(f, "closed by the peer: {code}: {message}"),
            Self::PeerGone => f.write_str("the peer is gone"),
            Self::Lost(reason) => write!(f, "the connection broke: {reason}"),
            Self::Silence => f.write_str("the peer was silent for too long"),
            Self::Protocol(reason) => write!(f, "the peer broke the protocol: {reason}"),
        }
    }
}
