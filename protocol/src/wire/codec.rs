//! Bodies as bytes. The only file that names bincode.
//!
//! Configuration: standard (little endian, variable-length integers) with a limit, so that a lying
//! length cannot make a decoder allocate much more than the bytes that arrived.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::EncodeError;

pub use bincode::{Decode, Encode};

use super::message::{TypeId, WireMessage};

/// The longest body, 16 MiB.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not have the layout of the type.
    #[error("malformed body: {0}")]
    Malformed(String),
    /// Bytes are left over behind the value.
    #[error("{0} bytes left over behind the body")]
    TrailingBytes(usize),
    /// The value is larger than [`MAX_BODY_BYTES`].
    #[error("the body has {0} bytes, more than a message may have")]
    TooLarge(usize),
    /// Another type was expected.
    #[error("expected type {expected}, found {found}")]
    WrongType {
        /// The expected type.
        expected: TypeId,
        /// The type of the bytes.
        found: TypeId,
    },
    /// The type is known, this layout of it is not.
    #[error("revision {found} of type {type_id} is not supported")]
    UnsupportedRevision {
        /// The type.
        type_id: TypeId,
        /// The revision of the bytes.
        found: u16,
    },
}

type Config<const LIMIT: usize> = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const fn config<const LIMIT: usize>() -> Config<LIMIT> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// Bodies up to this size may grow to [`SMALL_VALUE_BYTES`] in memory.
const SMALL_BODY_BYTES: usize = 64 << 10;
/// The limit counts the memory of lists, which is larger than their bytes: an empty text takes one
/// byte on the wire and 24 in memory.
const SMALL_VALUE_BYTES: usize = 32 * SMALL_BODY_BYTES;
/// The same for larger bodies, whose items are not all empty.
const LARGE_VALUE_BYTES: usize = 4 * MAX_BODY_BYTES;

struct Appender<'a>(&'a mut Vec<u8>);

impl bincode::enc::write::Writer for Appender<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Encodes a value.
///
/// # Errors
/// [`CodecError::TooLarge`] when the bytes would exceed the limit; send less at once.
pub fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::new();
    encode_into(value, &mut bytes)?;
    Ok(bytes)
}

/// Appends the bytes of a value to `out`; after an error `out` is as before.
///
/// # Errors
/// As [`encode`].
pub fn encode_into<T: Encode>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let start = out.len();
    let result = bincode::encode_into_writer(value, Appender(out), config::<LARGE_VALUE_BYTES>())
        .map_err(|error| CodecError::Malformed(error.to_string()));
    let result = match out.len() - start {
        size if size > MAX_BODY_BYTES => Err(CodecError::TooLarge(size)),
        _ => result,
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Decodes a value that fills `bytes` completely.
///
/// # Errors
/// [`CodecError`] for anything but exactly one value; never panics.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_BODY_BYTES {
        Err(CodecError::TooLarge(bytes.len()))
    } else if bytes.len() > SMALL_BODY_BYTES {
        decode_within::<T, LARGE_VALUE_BYTES>(bytes)
    } else {
        decode_within::<T, SMALL_VALUE_BYTES>(bytes)
    }
}

/// Decodes a message from the body of a frame that says which type and revision it is.
///
/// # Errors
/// As [`decode`]; [`CodecError::WrongType`] and [`CodecError::UnsupportedRevision`] when the frame
/// announces something else than `M`.
pub fn decode_message<M: WireMessage>(
    type_id: TypeId,
    revision: u16,
    body: &[u8],
) -> Result<M, CodecError> {
    if type_id != M::TYPE {
        return Err(CodecError::WrongType {
            expected: M::TYPE,
            found: type_id,
        });
    }
    if revision != M::REVISION {
        return Err(CodecError::UnsupportedRevision {
            type_id,
            found: revision,
        });
    }
    decode(body)
}

/// Decodes a value that may take `LIMIT` bytes of memory.
pub(super) fn decode_within<T: Decode<()>, const LIMIT: usize>(
    bytes: &[u8],
) -> Result<T, CodecError> {
    let (value, used) = bincode::decode_from_slice(bytes, config::<LIMIT>())
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(CodecError::TrailingBytes(left)),
    }
}
