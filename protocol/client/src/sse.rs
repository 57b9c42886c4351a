//! Server-sent events as streams.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::Error;
use crate::transport::{Answer, Request, describe};

/// A server sends a sign of life every 10 s; three missed ones mean that it is gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// Largest event that is accepted: a message's body in the tap, with room to spare.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;
/// How long to wait before connecting anew when the server gave no hint.
const DEFAULT_RETRY: Duration = Duration::from_secs(1);

/// What is needed to go on after a stream broke off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// The id of the last event, if events carry ids; for the log of a run it is the cursor to go
    /// on from.
    pub last_event_id: Option<String>,
    /// How long to wait before connecting anew: what the server asked for, else 1 s.
    pub retry_after: Duration,
}

/// A live stream. It ends when the server closes it; after an error it yields nothing more.
pub struct EventStream<T> {
    frames: Pin<Box<dyn Stream<Item = Result<Frame, Error>> + Send>>,
    decode: fn(&Frame) -> Option<Result<T, Error>>,
    resume: Resume,
}

impl<T> EventStream<T> {
    /// How to go on if the stream ends now.
    pub fn resume(&self) -> &Resume {
        &self.resume
    }

    fn note(&mut self, frame: &Frame) {
        if let Some(id) = &frame.id {
            self.resume.last_event_id = Some(id.clone());
        }
        if let Some(retry) = frame.retry {
            self.resume.retry_after = retry;
        }
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

impl<T> Stream for EventStream<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.frames.poll_next_unpin(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(frame))) => {
                    this.note(&frame);
                    if let Some(event) = (this.decode)(&frame) {
                        return Poll::Ready(Some(event));
                    }
                }
            }
        }
    }
}

impl Client {
    /// Opens a stream; `decode` turns a frame into an event or skips it.
    pub(crate) async fn events<T>(
        &self,
        request: Request,
        decode: fn(&Frame) -> Option<Result<T, Error>>,
    ) -> Result<EventStream<T>, Error> {
        let Answer { response, server } = self.send(&request).await?;
        let reader = Reader {
            bytes: response.bytes_stream().boxed(),
            decoder: Decoder::default(),
            ready: VecDeque::new(),
            server,
            has_failed: false,
        };
        Ok(EventStream {
            frames: stream::unfold(reader, Reader::next).boxed(),
            decode,
            resume: Resume {
                last_event_id: None,
                retry_after: DEFAULT_RETRY,
            },
        })
    }
}

/// Reads the data of a frame.
pub(crate) fn data<T: DeserializeOwned>(frame: &Frame) -> Result<T, Error> {
    serde_json::from_str(&frame.data).map_err(|error| Error::Unexpected {
        server: "the event stream".to_owned(),
        reason: format!("event `{}`: {error}", frame.event),
    })
}

/// Turns the bytes of a response into frames.
struct Reader<B> {
    bytes: stream::BoxStream<'static, Result<B, reqwest::Error>>,
    decoder: Decoder,
    ready: VecDeque<Frame>,
    server: String,
    has_failed: bool,
}

impl<B: AsRef<[u8]>> Reader<B> {
    async fn next(mut self) -> Option<(Result<Frame, Error>, Self)> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some((Ok(frame), self));
            }
            if self.has_failed {
                return None;
            }
            if let Err(reason) = self.fill().await? {
                self.has_failed = true;
                let error = Error::Unavailable {
                    server: self.server.clone(),
                    reason,
                    may_have_happened: false,
                };
                return Some((Err(error), self));
            }
        }
    }

    /// Waits for bytes; `None` at the end of the stream.
    async fn fill(&mut self) -> Option<Result<(), String>> {
        let Ok(received) = tokio::time::timeout(SILENCE_LIMIT, self.bytes.next()).await else {
            return Some(Err("the stream fell silent".to_owned()));
        };
        Some(match received? {
            Ok(chunk) => self.decoder.feed(chunk.as_ref(), &mut self.ready),
            Err(error) => Err(describe(&error)),
        })
    }
}

/// One event as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<Duration>,
}

/// Splits bytes into lines and lines into frames. A chunk may end anywhere, also inside a
/// character.
#[derive(Debug, Default)]
struct Decoder {
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
}

impl Decoder {
    fn feed(&mut self, chunk: &[u8], ready: &mut VecDeque<Frame>) -> Result<(), String> {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + self.frame.data.len() + part.len() > MAX_EVENT_BYTES {
                return Err("an event is larger than 16 MiB".to_owned());
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(
                    String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']),
                    ready,
                );
            }
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str, ready: &mut VecDeque<Frame>) {
        if line.is_empty() {
            return self.end_frame(ready);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.frame.event = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
                self.has_data = true;
            }
            "id" => self.frame.id = Some(value.to_owned()),
            "retry" => self.frame.retry = value.parse().ok().map(Duration::from_millis),
            _ => {} // comments are signs of life; unknown fields are to be ignored
        }
    }

    fn end_frame(&mut self, ready: &mut VecDeque<Frame>) {
        let frame = std::mem::take(&mut self.frame);
        self.has_data = false;
        if frame != Frame::default() {
            ready.push_back(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(chunks: &[&[u8]]) -> Vec<Frame> {
        let (mut decoder, mut ready) = (Decoder::default(), VecDeque::new());
        for chunk in chunks {
            decoder.feed(chunk, &mut ready).expect("small");
        }
        ready.into()
    }

    fn frame(event: &str, data: &str) -> Frame {
        Frame {
            event: event.to_owned(),
            data: data.to_owned(),
            ..Frame::default()
        }
    }

    #[test]
    fn frames_may_be_cut_anywhere() {
        let text =
            ": alive\n\nevent: line\ndata: {\"text\":\"\u{e4}\"}\n\nevent:end\ndata:{}\r\n\r\n";
        let expected = [frame("line", "{\"text\":\"\u{e4}\"}"), frame("end", "{}")];
        for cut in 0..text.len() {
            let (left, right) = text.as_bytes().split_at(cut);
            assert_eq!(frames(&[left, right]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn data_of_several_lines_is_joined() {
        assert_eq!(
            frames(&[b"data: a\ndata:\ndata: b\n\n"]),
            [frame("", "a\n\nb")]
        );
    }

    #[test]
    fn hints_for_reconnecting_are_kept() {
        let read = frames(&[b"id: 42\nretry: 250\n\n"]);
        assert_eq!(read[0].id.as_deref(), Some("42"));
        assert_eq!(read[0].retry, Some(Duration::from_millis(250)));
    }

    #[test]
    fn an_unfinished_frame_is_not_an_event() {
        assert!(frames(&[b"event: line\ndata: {}\n"]).is_empty());
    }
}
