//! Frames as bytes (spec 05, 12.5): the layout, an encoder and an incremental decoder.
//!
//! # Invariants
//! 1. No input makes the decoder panic.
//! 2. The decoder holds at most twice the bytes that have arrived, whatever length is announced.
//! 3. A decoded frame has one allocation: its paths, extensions and body together.

mod decoder;
mod encoder;

use powerjob_common::id::TraceId;

use super::message::TypeId;

pub use decoder::FrameDecoder;
pub use encoder::{EncodeError, FrameHead, encode_into, encode_with};

/// Bytes of a frame before its paths, the length field included.
pub const HEADER_BYTES: usize = 56;
/// The smallest value of the length field.
pub const MIN_LENGTH: u32 = 52;
/// The largest value of the length field by default, 16 MiB.
pub const DEFAULT_MAX_LENGTH: u32 = 16 << 20;
/// The largest value of the length field during the handshake.
pub const HANDSHAKE_MAX_LENGTH: u32 = 64 << 10;
/// The version of this layout.
pub const VERSION: u8 = 1;

const LENGTH_FIELD_BYTES: usize = 4;
const GUARD: [u8; 2] = *b"PJ";

/// The sender wants to know when this TELL is dropped.
pub const FLAG_NOTIFY_DROP: u16 = 0x0004;
/// The trace of this frame is sampled.
pub const FLAG_SAMPLED: u16 = 0x0008;
/// The message should overtake others in the queue of its actor.
pub const FLAG_URGENT: u16 = 0x0020;
/// Compression, checksums and JSON bodies need a feature that this version never offers.
const KNOWN_FLAGS: u16 = FLAG_NOTIFY_DROP | FLAG_SAMPLED | FLAG_URGENT;

macro_rules! frame_kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)+) => {
        /// What a frame is for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FrameKind {
            $($(#[$doc])* $name,)+
            /// From a later version; ignored. The code is at least 0x80.
            Extension(u8),
        }

        impl FrameKind {
            /// The byte on the wire.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$name => $code,)+
                    Self::Extension(code) => code,
                }
            }

            /// The kind of a byte; `None` when no version may use it.
            pub const fn of_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    0x80.. => Some(Self::Extension(code)),
                    _ => None,
                }
            }
        }
    };
}

frame_kinds! {
    /// The dialer introduces itself.
    Hello = 0x01;
    /// The acceptor introduces itself and asks for proof.
    Challenge = 0x02;
    /// The dialer's proof.
    Auth = 0x03;
    /// The acceptor's proof and the terms of the session.
    Ready = 0x04;
    /// The end of a handshake that failed.
    Reject = 0x05;
    /// A message without an answer.
    Tell = 0x10;
    /// A question.
    Ask = 0x11;
    /// The answer to a question.
    Reply = 0x12;
    /// Why a question has no answer.
    Error = 0x13;
    /// The asker no longer waits.
    Cancel = 0x14;
    /// Asks for a sign of life.
    Ping = 0x20;
    /// A sign of life.
    Pong = 0x21;
    /// Room for more bulk frames; not used yet.
    Credit = 0x22;
    /// Nothing new, please: the session is about to end.
    GoAway = 0x23;
    /// A TELL was dropped.
    Dropped = 0x24;
}

/// Why bytes are no frame. There is no way to go on after one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length field is outside its range.
    #[error("a frame of {0} bytes")]
    Length(u32),
    /// The guard bytes are missing.
    #[error("no frame begins here")]
    Guard,
    /// Another version of the layout.
    #[error("frame version {0}")]
    Version(u8),
    /// A kind that does not exist.
    #[error("frame kind {0:#04x}")]
    Kind(u8),
    /// Flags that were not agreed on.
    #[error("frame flags {0:#06x}")]
    Flags(u16),
    /// The parts do not fill the frame as announced.
    #[error("broken {0}")]
    Layout(&'static str),
}

fn is_path(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-'))
}

/// A frame that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: FrameKind,
    /// Its flags.
    pub flags: u16,
    /// The layout of the body.
    pub revision: u16,
    /// The type of the body.
    pub type_id: TypeId,
    /// Ties answers to questions; 0 = none.
    pub correlation: u64,
    /// The trace it belongs to.
    pub trace: TraceId,
    /// The span it belongs to; 0 = none.
    pub span: u64,
    /// How long the sender was willing to wait when it sent this; 0 = none.
    pub deadline_ms: u32,
    target_length: u8,
    source_length: u8,
    extension_length: u16,
    tail: Vec<u8>,
}

impl Frame {
    /// Path of the receiver.
    pub fn target(&self) -> &str {
        self.path(0, usize::from(self.target_length))
    }

    /// Path of the sender.
    pub fn source(&self) -> &str {
        self.path(
            usize::from(self.target_length),
            usize::from(self.source_length),
        )
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.tail[self.extension_start() + usize::from(self.extension_length)..]
    }

    /// The value of an extension.
    pub fn extension(&self, tag: u8) -> Option<&[u8]> {
        let mut rest = self.extensions();
        while let Some((found, value, next)) = split_extension(rest) {
            if found == tag {
                return Some(value);
            }
            rest = next;
        }
        None
    }

    /// Bytes of the whole frame on the wire.
    pub fn wire_bytes(&self) -> usize {
        HEADER_BYTES + self.tail.len()
    }

    fn path(&self, start: usize, length: usize) -> &str {
        // Checked on arrival to be ASCII; the fallback only keeps this free of panics.
        str::from_utf8(&self.tail[start..start + length]).unwrap_or_default()
    }

    fn extension_start(&self) -> usize {
        usize::from(self.target_length) + usize::from(self.source_length)
    }

    fn extensions(&self) -> &[u8] {
        let start = self.extension_start();
        &self.tail[start..start + usize::from(self.extension_length)]
    }

    /// The announced size of everything before the body.
    fn fixed_tail(&self) -> usize {
        self.extension_start() + usize::from(self.extension_length)
    }

    /// Checks what only the whole frame can show.
    fn checked(self) -> Result<Self, FrameError> {
        if !is_path(&self.tail[..self.extension_start()]) {
            return Err(FrameError::Layout("path"));
        }
        let mut rest = self.extensions();
        while let Some((_, _, next)) = split_extension(rest) {
            rest = next;
        }
        if rest.is_empty() {
            Ok(self)
        } else {
            Err(FrameError::Layout("extension"))
        }
    }
}

/// Splits the first extension off: tag, value, rest.
fn split_extension(area: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, low, high], rest) = area.split_first_chunk()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([low, high])))?;
    Some((tag, value, rest))
}
