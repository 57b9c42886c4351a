//! Error codes, and the bodies of the frames that carry no message.

use super::codec::{self, CodecError, Decode, Encode};

/// A number for what went wrong, the same on every node and in every version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u16);

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal $text:literal;)+) => {
        impl ErrorCode {
            $($(#[$doc])* pub const $name: Self = Self($code);)+

            /// All codes that this version knows.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name of the code; `unknown` for one of a later version.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => $text,)+
                    _ => "unknown",
                }
            }
        }
    };
}

error_codes! {
    /// The peer broke the rules of the protocol.
    PROTOCOL_ERROR = 1 "protocol_error";
    /// No common version of the protocol or of a required message.
    UNSUPPORTED_VERSION = 2 "unsupported_version";
    /// Unknown application, unknown key or wrong secret.
    UNAUTHORIZED = 3 "unauthorized";
    /// No such application; only told to peers that need no proof.
    UNKNOWN_APP = 4 "unknown_app";
    /// The node shuts down.
    DRAINING = 5 "draining";
    /// The node has no room for another connection.
    TOO_MANY_CONNECTIONS = 6 "too_many_connections";
    /// Nobody lives at the target path.
    NO_SUCH_ACTOR = 10 "no_such_actor";
    /// The node does not know the message type.
    UNKNOWN_TYPE = 11 "unknown_type";
    /// The node does not know this layout of the message type.
    UNSUPPORTED_REVISION = 12 "unsupported_revision";
    /// The body does not have the layout of its type.
    DECODE_ERROR = 13 "decode_error";
    /// The queue of the actor is full.
    MAILBOX_FULL = 14 "mailbox_full";
    /// The node has too much to do.
    OVERLOADED = 15 "overloaded";
    /// The asker's time was over before the message was handled.
    DEADLINE_EXCEEDED = 16 "deadline_exceeded";
    /// The actor ended without an answer.
    HANDLER_FAILED = 17 "handler_failed";
    /// The session may not do this.
    FORBIDDEN = 18 "forbidden";
    /// The message was meant for an earlier life of the node.
    STALE_INCARNATION = 19 "stale_incarnation";
    /// The answer does not fit into a frame.
    FRAME_TOO_LARGE = 20 "frame_too_large";
    /// The asker no longer waits.
    CANCELLED = 21 "cancelled";
    /// The session ended; never on the wire.
    DISCONNECTED = 30 "disconnected";
    /// No answer in time; never on the wire.
    TIMEOUT = 31 "timeout";
    /// There is no session; never on the wire.
    NOT_CONNECTED = 32 "not_connected";
}

impl ErrorCode {
    /// Whether the same request may go to another node at once.
    pub const fn is_retryable_elsewhere(self) -> bool {
        matches!(
            self,
            Self::DRAINING
                | Self::MAILBOX_FULL
                | Self::OVERLOADED
                | Self::STALE_INCARNATION
                | Self::DISCONNECTED
                | Self::NOT_CONNECTED
        )
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name(), self.0)
    }
}

/// Bodies of control frames are at most this long.
pub const MAX_CONTROL_BODY_BYTES: usize = 64 << 10;
/// Texts in control frames are cut to this length.
const MAX_TEXT_BYTES: usize = 1_024;

/// Body of ERROR: why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ErrorBody {
    /// An [`ErrorCode`].
    pub code: u16,
    /// For people.
    pub message: String,
    /// When to try again; 0 = not worth it or not known.
    pub retry_after_ms: u32,
}

/// Body of GOAWAY and REJECT.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FarewellBody {
    /// An [`ErrorCode`].
    pub code: u16,
    /// For people.
    pub message: String,
}

impl FarewellBody {
    /// A body with a text of bearable length.
    pub fn new(code: ErrorCode, message: &str) -> Self {
        Self {
            code: code.0,
            message: shorten(message).to_owned(),
        }
    }
}

/// Body of PING.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PingBody {
    /// Wall time of the sender, epoch milliseconds.
    pub sent_at_ms: i64,
}

/// Body of PONG.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PongBody {
    /// The time in the PING.
    pub echoed_ms: i64,
    /// Wall time of the answering node, epoch milliseconds.
    pub answered_at_ms: i64,
}

/// Body of DROPPED.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DroppedBody {
    /// An [`ErrorCode`].
    pub code: u16,
}

/// Decodes the body of a control or handshake frame.
///
/// # Errors
/// As [`codec::decode`], with the limit of [`MAX_CONTROL_BODY_BYTES`].
pub fn decode<T: Decode<()>>(body: &[u8]) -> Result<T, CodecError> {
    if body.len() > MAX_CONTROL_BODY_BYTES {
        return Err(CodecError::TooLarge(body.len()));
    }
    codec::decode_within::<T, MAX_CONTROL_BODY_BYTES>(body)
}

/// The front of a text, cut between two characters.
pub fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}
