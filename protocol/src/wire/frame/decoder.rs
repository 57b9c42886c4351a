//! Bytes of a stream to frames.

use powerjob_common::id::TraceId;

use super::super::message::TypeId;
use super::{
    Frame, FrameError, FrameKind, GUARD, HEADER_BYTES, KNOWN_FLAGS, LENGTH_FIELD_BYTES, MIN_LENGTH,
    VERSION,
};

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
