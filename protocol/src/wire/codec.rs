//! Bodies as bytes. The only file that names bincode.
//!
//! Configuration: standard (little endian, variable-length integers) with a limit, so that a lying
//! length cannot make a decoder allocate more than [`MAX_BODY_BYTES`].

pub use bincode::{Decode, Encode};

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
}

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<MAX_BODY_BYTES>,
> = bincode::config::standard().with_limit::<MAX_BODY_BYTES>();

/// Encodes a value.
///
/// # Errors
/// [`CodecError::TooLarge`] when the bytes would exceed the limit; send less at once.
pub fn encode<T: Encode>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::encode_to_vec(value, CONFIG)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    if bytes.len() > MAX_BODY_BYTES {
        return Err(CodecError::TooLarge(bytes.len()));
    }
    Ok(bytes)
}

/// Decodes a value that fills `bytes` completely.
///
/// # Errors
/// [`CodecError`] for anything but exactly one value; never panics.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(CodecError::TrailingBytes(left)),
    }
}
