//! Frames as bytes (spec 05, 12.5): the layout, an encoder and an incremental decoder.
//!
//! # Invariants
//! 1. No input makes the decoder panic.
//! 2. The decoder holds at most twice the bytes that have arrived, whatever length is announced.
//! 3. A decoded frame has one allocation: its paths, extensions and body together.

use powerjob_common::id::TraceId;

use super::codec::CodecError;
use super::message::TypeId;

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

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub struct FrameDecoder {
    max_length: u32,
    head: [u8; HEADER_BYTES],
    head_bytes: usize,
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    frame: Frame,
    missing: usize,
}

impl FrameDecoder {
    /// A decoder for frames whose length field is at most `max_length`.
    pub fn new(max_length: u32) -> Self {
        Self {
            max_length,
            head: [0; HEADER_BYTES],
            head_bytes: 0,
            partial: None,
        }
    }

    /// Changes the largest length of the frames to come.
    pub fn set_max_length(&mut self, max_length: u32) {
        self.max_length = max_length;
    }

    /// Takes bytes off the front of `input` until a frame is complete; `None` when all are taken
    /// and more are needed.
    ///
    /// # Errors
    /// [`FrameError`]: the stream is beyond repair, close it.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if self.partial.is_none() {
            let Some(head) = self.take_head(input)? else {
                return Ok(None);
            };
            let (frame, tail_bytes) = parse_head(&head)?;
            if input.len() >= tail_bytes {
                let tail = take(input, tail_bytes).to_vec();
                return Frame { tail, ..frame }.checked().map(Some);
            }
            self.partial = Some(Partial {
                frame,
                missing: tail_bytes,
            });
        }
        self.fill_partial(input)
    }

    /// Bytes of memory that the unfinished frame holds.
    pub fn held_bytes(&self) -> usize {
        self.partial
            .as_ref()
            .map_or(0, |partial| partial.frame.tail.capacity())
    }

    /// Whether the stream stands between two frames.
    pub fn is_at_boundary(&self) -> bool {
        self.head_bytes == 0 && self.partial.is_none()
    }

    fn fill_partial(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        let Some(mut partial) = self.partial.take() else {
            return Ok(None);
        };
        let bytes = take(input, partial.missing.min(input.len()));
        partial.frame.tail.extend_from_slice(bytes);
        partial.missing -= bytes.len();
        if partial.missing == 0 {
            return partial.frame.checked().map(Some);
        }
        self.partial = Some(partial);
        Ok(None)
    }

    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<[u8; HEADER_BYTES]>, FrameError> {
        let wanted = HEADER_BYTES - self.head_bytes;
        let bytes = take(input, wanted.min(input.len()));
        self.head[self.head_bytes..self.head_bytes + bytes.len()].copy_from_slice(bytes);
        self.head_bytes += bytes.len();
        if self.head_bytes < LENGTH_FIELD_BYTES {
            return Ok(None);
        }
        let [a, b, c, d, ..] = self.head;
        let length = u32::from_le_bytes([a, b, c, d]);
        if !(MIN_LENGTH..=self.max_length).contains(&length) {
            return Err(FrameError::Length(length));
        }
        if self.head_bytes < HEADER_BYTES {
            return Ok(None);
        }
        self.head_bytes = 0;
        Ok(Some(self.head))
    }
}

fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (front, rest) = input.split_at(count);
    *input = rest;
    front
}

/// Reads a header whose length field was checked; also tells the number of bytes behind it.
fn parse_head(head: &[u8; HEADER_BYTES]) -> Result<(Frame, usize), FrameError> {
    let mut bytes = head.as_slice();
    let length = u32::from_le_bytes(field(&mut bytes));
    if field::<2>(&mut bytes) != GUARD {
        return Err(FrameError::Guard);
    }
    let [version, kind] = field(&mut bytes);
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    let flags = u16::from_le_bytes(field(&mut bytes));
    if flags & !KNOWN_FLAGS != 0 {
        return Err(FrameError::Flags(flags));
    }
    let frame = Frame {
        kind: FrameKind::of_code(kind).ok_or(FrameError::Kind(kind))?,
        flags,
        revision: u16::from_le_bytes(field(&mut bytes)),
        type_id: TypeId(u32::from_le_bytes(field(&mut bytes))),
        correlation: u64::from_le_bytes(field(&mut bytes)),
        trace: TraceId(u128::from_be_bytes(field(&mut bytes))),
        span: u64::from_be_bytes(field(&mut bytes)),
        deadline_ms: u32::from_le_bytes(field(&mut bytes)),
        extension_length: u16::from_le_bytes(field(&mut bytes)),
        target_length: u8::from_le_bytes(field(&mut bytes)),
        source_length: u8::from_le_bytes(field(&mut bytes)),
        tail: Vec::new(),
    };
    let tail_bytes = (length - MIN_LENGTH) as usize;
    if frame.fixed_tail() > tail_bytes {
        return Err(FrameError::Layout("length"));
    }
    Ok((frame, tail_bytes))
}

/// The next field of a header; the fields add up to its length.
fn field<const N: usize>(bytes: &mut &[u8]) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(take(bytes, N));
    value
}
