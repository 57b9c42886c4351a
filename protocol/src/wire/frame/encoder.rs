//! Frames to bytes.

use powerjob_common::id::TraceId;

use super::super::codec::CodecError;
use super::super::message::TypeId;
use super::{FrameKind, GUARD, HEADER_BYTES, LENGTH_FIELD_BYTES, VERSION, is_path};

/// Why a frame cannot be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Longer than 255 bytes, or with characters outside `A-Z a-z 0-9 _ . / -`.
    #[error("not an actor path")]
    Path,
    /// Longer than the peer takes.
    #[error("a frame of {0} bytes is larger than the session allows")]
    TooLarge(usize),
    /// The body cannot be encoded.
    #[error(transparent)]
    Body(#[from] CodecError),
}

/// A frame without its body, about to be encoded.
#[derive(Debug, Clone, Copy)]
pub struct FrameHead<'a> {
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
    /// How long the sender is still willing to wait; 0 = none.
    pub deadline_ms: u32,
    /// Path of the receiver.
    pub target: &'a str,
    /// Path of the sender.
    pub source: &'a str,
    /// Extensions, already encoded.
    pub extension: &'a [u8],
}

impl FrameHead<'static> {
    /// The head of a frame that concerns the session itself.
    pub const fn of_session(kind: FrameKind, correlation: u64) -> Self {
        Self {
            kind,
            flags: 0,
            revision: 1,
            type_id: TypeId::NONE,
            correlation,
            trace: TraceId::NONE,
            span: 0,
            deadline_ms: 0,
            target: "",
            source: "",
            extension: &[],
        }
    }
}

/// Appends a frame to `out`; `body` appends its body. After an error `out` is as before.
///
/// # Errors
/// [`EncodeError::TooLarge`] when the length field would exceed `max_length`.
pub fn encode_with(
    out: &mut Vec<u8>,
    head: &FrameHead<'_>,
    max_length: u32,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let result = append_head(out, head).and_then(|()| {
        body(out)?;
        let length = out.len() - start - LENGTH_FIELD_BYTES;
        match u32::try_from(length) {
            Ok(length) if length <= max_length => {
                out[start..start + LENGTH_FIELD_BYTES].copy_from_slice(&length.to_le_bytes());
                Ok(())
            }
            _ => Err(EncodeError::TooLarge(length)),
        }
    });
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends a frame with the given body to `out`. After an error `out` is as before.
///
/// # Errors
/// As [`encode_with`].
pub fn encode_into(
    out: &mut Vec<u8>,
    head: &FrameHead<'_>,
    max_length: u32,
    body: &[u8],
) -> Result<(), EncodeError> {
    encode_with(out, head, max_length, |out| {
        out.extend_from_slice(body);
        Ok(())
    })
}

fn append_head(out: &mut Vec<u8>, head: &FrameHead<'_>) -> Result<(), EncodeError> {
    let (target, source) = (path_length(head.target)?, path_length(head.source)?);
    let extension = u16::try_from(head.extension.len())
        .map_err(|_| EncodeError::TooLarge(head.extension.len()))?;
    let mut bytes = [0_u8; HEADER_BYTES];
    bytes[4..6].copy_from_slice(&GUARD);
    bytes[6] = VERSION;
    bytes[7] = head.kind.code();
    bytes[8..10].copy_from_slice(&head.flags.to_le_bytes());
    bytes[10..12].copy_from_slice(&head.revision.to_le_bytes());
    bytes[12..16].copy_from_slice(&head.type_id.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&head.correlation.to_le_bytes());
    bytes[24..40].copy_from_slice(&head.trace.0.to_be_bytes());
    bytes[40..48].copy_from_slice(&head.span.to_be_bytes());
    bytes[48..52].copy_from_slice(&head.deadline_ms.to_le_bytes());
    bytes[52..54].copy_from_slice(&extension.to_le_bytes());
    bytes[54] = target;
    bytes[55] = source;
    out.extend_from_slice(&bytes);
    out.extend_from_slice(head.target.as_bytes());
    out.extend_from_slice(head.source.as_bytes());
    out.extend_from_slice(head.extension);
    Ok(())
}

fn path_length(path: &str) -> Result<u8, EncodeError> {
    match u8::try_from(path.len()) {
        Ok(length) if is_path(path.as_bytes()) => Ok(length),
        _ => Err(EncodeError::Path),
    }
}
