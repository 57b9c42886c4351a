//! What a processor returns, and the text that becomes of it.

use std::any::Any;
use std::error::Error;

use serde::Serialize;

/// Any error; `?` turns every standard error, and `.into()` every text, into one.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What a processor returns: the result of the run, or why it failed.
pub type ProcessResult = Result<Output, BoxError>;

/// The result of a successful run, as people see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Output(String);

impl Output {
    /// The text as it is.
    pub fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A text as it is, nothing as the empty text, anything else as JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, e.g. a map whose keys are no texts.
    pub fn of(value: impl Serialize) -> Result<Self, BoxError> {
        Ok(Self(match serde_json::to_value(value)? {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

impl From<String> for Output {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Output {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<()> for Output {
    fn from((): ()) -> Self {
        Self::default()
    }
}

/// Turns the result of a handler function into that of a processor.
pub(crate) fn from_result<T: Serialize, E: Into<BoxError>>(result: Result<T, E>) -> ProcessResult {
    Output::of(result.map_err(Into::into)?)
}

/// An error and its causes in one line, each cause once.
pub(crate) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("panic: {message}")
}

/// How the macro finds out what a handler returns: the method of the type itself is found before
/// that of a reference to it.
pub mod returned {
    use super::{BoxError, Output, ProcessResult, Serialize, from_result};

    /// A `Result`.
    #[derive(Debug, Clone, Copy)]
    pub struct Fallible;
    /// Anything else that can be written as JSON.
    #[derive(Debug, Clone, Copy)]
    pub struct Plain;

    /// Found for a `Result`.
    pub trait FallibleKind {
        /// The kind.
        fn kind(&self) -> Fallible {
            Fallible
        }
    }
    impl<T, E> FallibleKind for Result<T, E> {}

    /// Found for anything else.
    pub trait PlainKind {
        /// The kind.
        fn kind(&self) -> Plain {
            Plain
        }
    }
    impl<T: Serialize> PlainKind for &T {}

    impl Fallible {
        /// The result of the run.
        ///
        /// # Errors
        /// That of the handler.
        pub fn convert<T: Serialize, E: Into<BoxError>>(
            self,
            value: Result<T, E>,
        ) -> ProcessResult {
            from_result(value)
        }
    }

    impl Plain {
        /// The result of the run.
        ///
        /// # Errors
        /// When the value cannot be written as JSON.
        pub fn convert<T: Serialize>(self, value: T) -> ProcessResult {
            Output::of(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot close the order")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn texts_stay_and_values_become_json() {
        #[derive(Serialize)]
        struct Summary {
            closed: u32,
        }
        assert_eq!(Output::of("as is").expect("text").as_str(), "as is");
        assert_eq!(Output::of(()).expect("unit").as_str(), "");
        assert_eq!(
            Output::of(Summary { closed: 3 }).expect("json").as_str(),
            r#"{"closed":3}"#
        );
    }

    #[test]
    fn a_failure_tells_its_causes() {
        let error = Outer(std::io::Error::other("connection reset"));
        assert_eq!(
            chain_text(&error),
            "cannot close the order: connection reset"
        );
    }

    #[test]
    fn a_panic_tells_its_message() {
        assert_eq!(panic_text(&"boom"), "panic: boom");
        assert_eq!(panic_text(&"boom".to_owned()), "panic: boom");
        assert_eq!(panic_text(&7_u8), "panic: no message");
    }
}
