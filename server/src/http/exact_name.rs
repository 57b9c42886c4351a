//! One header name that has to stand in a reply letter by letter.
//!
//! The official Java client looks for `X-POWERJOB-AUTH-PASSED` in a map that knows no other spelling;
//! without it, it sends the request a second time: jobs would run twice (spec 06 section 1.1). The
//! stack below us writes names in small letters. So handlers set [`AUTH_PASSED`], a name of the same
//! length that nobody else can know, and [`ExactNames`] writes the right one in its place.

use std::io::{Error, IoSlice};
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};

use actix_web::http::header::HeaderName;
use memchr::memmem::Finder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The name as it has to be written.
pub const EXACT: &str = "X-POWERJOB-AUTH-PASSED";

/// The name that handlers set.
pub static AUTH_PASSED: LazyLock<HeaderName> = LazyLock::new(|| {
    let mut random = [0_u8; EXACT.len() - 2];
    if getrandom::fill(&mut random).is_err() {
        return HeaderName::from_static("x-powerjob-auth-passed");
    }
    let letters = random.iter().map(|byte| char::from(b'a' + byte % 26));
    let name: String = "x-".chars().chain(letters).collect();
    HeaderName::try_from(name).unwrap_or_else(|_| HeaderName::from_static("x-powerjob-auth-passed"))
});

/// A connection that writes [`EXACT`] where [`AUTH_PASSED`] stands.
#[derive(Debug)]
pub(super) struct ExactNames<S> {
    inner: S,
    /// Bytes of the present name that are written already.
    written: usize,
}

impl<S> ExactNames<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, written: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ExactNames<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ExactNames<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        let start = if self.written > 0 {
            Some(0)
        } else {
            find(bytes)
        };
        let Some(start) = start else {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        };
        let done = self.written;
        let name = &EXACT.as_bytes()[done..];
        let end = (start + name.len()).min(bytes.len());
        // Another reply may follow in the same bytes: it has its turn next.
        let next = find(&bytes[end..]);
        let stop = next.map_or(bytes.len(), |place| end + place);
        let parts = [
            IoSlice::new(&bytes[..start]),
            IoSlice::new(&name[..end - start]),
            IoSlice::new(&bytes[end..stop]),
        ];
        let result = Pin::new(&mut self.inner).poll_write_vectored(context, &parts);
        if let Poll::Ready(Ok(count)) = result {
            let of_name = count.saturating_sub(start).min(name.len());
            self.written = if of_name < name.len() {
                done + of_name
            } else {
                0
            };
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

/// Where the name that handlers set stands.
fn find(bytes: &[u8]) -> Option<usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(AUTH_PASSED.as_str()));
    FINDER.find(bytes)
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Takes a few bytes at a time.
    #[derive(Debug)]
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<Result<usize, Error>> {
            let count = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Spec 06 case 81, section 1.1.
    #[tokio::test]
    async fn the_name_is_written_letter_by_letter_however_little_goes_out_at_once() {
        let reply = |name: &str| format!("HTTP/1.1 200 OK\r\n{name}: true\r\n\r\n{{}}");
        let ours = reply(AUTH_PASSED.as_str());
        for at_once in 1..80 {
            let mut connection = ExactNames::new(Narrow(Vec::new(), at_once));
            let twice = format!("{ours}{ours}");
            connection
                .write_all(twice.as_bytes())
                .await
                .expect("written");
            let written = String::from_utf8(connection.inner.0).expect("text");
            assert_eq!(written, reply(EXACT).repeat(2), "{at_once}");
        }
    }

    #[tokio::test]
    async fn a_body_that_holds_the_name_in_small_letters_is_left_alone() {
        let mut connection = ExactNames::new(Narrow(Vec::new(), 1_000));
        let body = b"\r\nx-powerjob-auth-passed: true\r\n";
        connection.write_all(body).await.expect("written");
        assert_eq!(connection.inner.0, body);
    }
}
