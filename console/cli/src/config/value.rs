//! Values as they were given, and how each kind of field reads them.

use std::net::SocketAddr;
use std::time::Duration;

use super::field::Kind;
use crate::text::span;

/// A value as it was given: in a file with its own type, elsewhere as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Flag(bool),
    List(Vec<String>),
}

impl Value {
    /// As one would write it.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::List(items) => items.join(","),
        }
    }

    pub(crate) fn text(&self) -> Result<String, String> {
        match self {
            Self::Text(text) if text.trim().is_empty() => Err("is empty".to_owned()),
            Self::Text(text) => Ok(text.clone()),
            other => Err(format!(
                "`{}` is no text: put it in quotes",
                other.written()
            )),
        }
    }

    pub(crate) fn address(&self) -> Result<SocketAddr, String> {
        let text = self.text()?;
        text.parse().map_err(|_| {
            format!("`{text}` is no address: write e.g. 127.0.0.1:7700, 0.0.0.0:7700 or [::1]:7700")
        })
    }

    pub(crate) fn span(&self, min_ms: u64, max_ms: u64) -> Result<Duration, String> {
        let read = span::parse(&match self {
            Self::Text(text) => text.clone(),
            other => other.written(),
        })?;
        let written = |ms| span::exact(Duration::from_millis(ms));
        if read < Duration::from_millis(min_ms) || read > Duration::from_millis(max_ms) {
            return Err(format!(
                "{} is out of range: {} to {}",
                span::exact(read),
                written(min_ms),
                written(max_ms)
            ));
        }
        Ok(read)
    }

    pub(crate) fn count(&self, min: u64, max: u64) -> Result<u64, String> {
        let number = match self {
            Self::Whole(number) => u64::try_from(*number).ok(),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Flag(_) | Self::List(_) => None,
        };
        match number {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            Some(number) => Err(format!("{number} is out of range: {min} to {max}")),
            None => Err(format!(
                "`{}` is no whole number from {min} to {max}",
                self.written()
            )),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool, String> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            Self::Text(text) if text == "true" => Ok(true),
            Self::Text(text) if text == "false" => Ok(false),
            other => Err(format!("`{}` is neither true nor false", other.written())),
        }
    }

    /// Several texts: a list, or one text with commas.
    pub(crate) fn list(&self) -> Result<Vec<String>, String> {
        match self {
            Self::List(items) => Ok(items.clone()),
            Self::Text(text) => Ok(text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect()),
            other => Err(format!("`{}` is no list of texts", other.written())),
        }
    }

    pub(crate) fn choice(&self, words: &[&str]) -> Result<String, String> {
        let text = self.text()?;
        if words.contains(&text.as_str()) {
            return Ok(text);
        }
        Err(format!("`{text}` is none of {}", words.join(", ")))
    }

    /// Whether a field of this kind takes the value; secrets are not quoted.
    pub(crate) fn check(&self, kind: Kind) -> Result<(), String> {
        match kind {
            Kind::Text | Kind::Path => self.text().map(drop),
            Kind::Secret => self
                .text()
                .map(drop)
                .map_err(|_| "is no text, or empty".to_owned()),
            Kind::Address => self.address().map(drop),
            Kind::Span(min, max) => self.span(min, max).map(drop),
            Kind::Count(min, max) => self.count(min, max).map(drop),
            Kind::Flag => self.flag().map(drop),
            Kind::List => self.list().map(drop),
            Kind::Choice(words) => self.choice(words).map(drop),
        }
    }
}
