//! What waits for the network: two lanes of encoded frames, bounded in frames and bytes.
//!
//! Frames are appended to buffers that the writer takes as a whole, so a frame costs a copy and no
//! allocation. There is no timer: the writer takes whatever has gathered while it was writing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use powerjob_protocol::wire::message::Lane;
use tokio::sync::Notify;

use crate::config::SessionConfig;
use crate::error::SessionError;

/// Bulk frames are handed to the writer in pieces of about this size, so that control frames do not
/// wait long behind them.
const BULK_PIECE_BYTES: usize = 64 << 10;
/// A buffer that has grown beyond this is not kept.
const KEPT_BUFFER_BYTES: usize = 1 << 20;
/// Answers may use this many times the room of other frames: refusing them would leave the asker
/// without any.
const ANSWER_ROOM: usize = 2;

/// How much may wait in a lane.
#[derive(Debug, Clone, Copy)]
struct Room {
    frames: usize,
    bytes: usize,
}

/// What a frame is to the bounds of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// May be refused.
    Message,
    /// Owed to the peer: has more room.
    Answer,
}

#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    frames: usize,
}

#[derive(Debug, Default)]
struct Lanes {
    control: Piece,
    bulk: VecDeque<Piece>,
    bulk_frames: usize,
    bulk_bytes: usize,
    writer_sleeps: bool,
    is_closed: bool,
}

/// What the writer gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Something to write.
    Batch,
    /// Nothing now: wait for [`Outbound::wake`].
    Nothing,
    /// Nothing any more.
    Closed,
}

#[derive(Debug)]
pub(crate) struct Outbound {
    lanes: Mutex<Lanes>,
    /// Rings when a sleeping writer has something to do.
    pub(crate) wake: Notify,
    control_room: Room,
    bulk_room: Room,
}

impl Outbound {
    pub(crate) fn new(config: &SessionConfig) -> Self {
        Self {
            lanes: Mutex::default(),
            wake: Notify::new(),
            control_room: Room {
                frames: config.control_queue_frames,
                bytes: config.control_queue_bytes,
            },
            bulk_room: Room {
                frames: config.bulk_queue_frames,
                bytes: config.bulk_queue_bytes,
            },
        }
    }

    /// Appends a frame.
    pub(crate) fn push(&self, lane: Lane, claim: Claim, frame: &[u8]) -> Result<(), SessionError> {
        let must_wake = {
            let mut lanes = self.lock();
            if lanes.is_closed {
                return Err(SessionError::Disconnected);
            }
            let has_room = match lane {
                Lane::Control => self.control_room.fits(
                    (lanes.control.frames, lanes.control.bytes.len()),
                    frame.len(),
                    claim,
                ),
                Lane::Bulk => {
                    self.bulk_room
                        .fits((lanes.bulk_frames, lanes.bulk_bytes), frame.len(), claim)
                }
            };
            if !has_room {
                return Err(SessionError::Overloaded);
            }
            lanes.append(lane, frame);
            std::mem::take(&mut lanes.writer_sleeps)
        };
        if must_wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Moves what should be written next to the end of `batch`: all control frames and one piece
    /// of bulk frames. Returns the number of frames with it.
    pub(crate) fn take(&self, batch: &mut Batch) -> Taken {
        let mut lanes = self.lock();
        if lanes.control.frames == 0 && lanes.bulk.is_empty() {
            if lanes.is_closed {
                return Taken::Closed;
            }
            lanes.writer_sleeps = true;
            return Taken::Nothing;
        }
        std::mem::swap(&mut lanes.control, &mut batch.control);
        if let Some(piece) = lanes.bulk.pop_front() {
            lanes.bulk_frames -= piece.frames;
            lanes.bulk_bytes -= piece.bytes.len();
            batch.bulk = piece;
        }
        Taken::Batch
    }

    /// Takes nothing more; what waits is still written.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    fn append(&mut self, lane: Lane, frame: &[u8]) {
        match lane {
            Lane::Control => self.control.append(frame),
            Lane::Bulk => {
                self.bulk_frames += 1;
                self.bulk_bytes += frame.len();
                match self.bulk.back_mut() {
                    Some(piece) if piece.bytes.len() < BULK_PIECE_BYTES => piece.append(frame),
                    _ => {
                        let mut piece = Piece::default();
                        piece.append(frame);
                        self.bulk.push_back(piece);
                    }
                }
            }
        }
    }
}

impl Piece {
    fn append(&mut self, frame: &[u8]) {
        self.bytes.extend_from_slice(frame);
        self.frames += 1;
    }

    fn reset(&mut self) {
        self.frames = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BUFFER_BYTES {
            self.bytes = Vec::new();
        }
    }
}

impl Room {
    /// Whether a frame fits; one frame always fits into an empty lane.
    fn fits(self, (frames, bytes): (usize, usize), frame_bytes: usize, claim: Claim) -> bool {
        let times = match claim {
            Claim::Message => 1,
            Claim::Answer => ANSWER_ROOM,
        };
        frames == 0
            || (frames < self.frames.saturating_mul(times)
                && bytes + frame_bytes <= self.bytes.saturating_mul(times))
    }
}

/// What the writer writes at once; its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    control: Piece,
    bulk: Piece,
}

impl Batch {
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [&self.control.bytes, &self.bulk.bytes]
    }

    pub(crate) fn reset(&mut self) {
        self.control.reset();
        self.bulk.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbound(frames: usize, bytes: usize) -> Outbound {
        Outbound::new(&SessionConfig {
            control_queue_frames: frames,
            control_queue_bytes: bytes,
            bulk_queue_frames: frames,
            bulk_queue_bytes: bytes,
            ..SessionConfig::default()
        })
    }

    #[test]
    fn frames_and_bytes_are_bounded_and_answers_have_more_room() {
        for lane in [Lane::Control, Lane::Bulk] {
            let outbound = outbound(2, 100);
            assert_eq!(outbound.push(lane, Claim::Message, &[0; 60]), Ok(()));
            assert_eq!(
                outbound.push(lane, Claim::Message, &[0; 60]),
                Err(SessionError::Overloaded),
                "too many bytes"
            );
            assert_eq!(outbound.push(lane, Claim::Answer, &[0; 60]), Ok(()));
            assert_eq!(
                outbound.push(lane, Claim::Message, &[0; 1]),
                Err(SessionError::Overloaded),
                "too many frames"
            );
        }
    }

    #[test]
    fn a_frame_of_any_size_fits_into_an_empty_lane() {
        let outbound = outbound(1, 10);
        assert_eq!(
            outbound.push(Lane::Control, Claim::Message, &[0; 500]),
            Ok(())
        );
    }

    #[test]
    fn control_frames_overtake_bulk_frames() {
        let outbound = outbound(100, 1 << 20);
        for _ in 0..3 {
            outbound
                .push(Lane::Bulk, Claim::Message, &vec![1; BULK_PIECE_BYTES])
                .expect("room");
        }
        outbound
            .push(Lane::Control, Claim::Message, &[2; 4])
            .expect("room");
        let mut batch = Batch::default();
        assert_eq!(outbound.take(&mut batch), Taken::Batch);
        assert_eq!(batch.parts()[0], [2; 4]);
        assert_eq!(batch.parts()[1].len(), BULK_PIECE_BYTES);
    }

    #[test]
    fn what_waits_is_written_after_the_close() {
        let outbound = outbound(100, 1 << 20);
        outbound
            .push(Lane::Control, Claim::Message, &[2; 4])
            .expect("room");
        outbound.close();
        let mut batch = Batch::default();
        assert_eq!(outbound.take(&mut batch), Taken::Batch);
        batch.reset();
        assert_eq!(outbound.take(&mut batch), Taken::Closed);
        assert_eq!(
            outbound.push(Lane::Control, Claim::Message, &[2; 4]),
            Err(SessionError::Disconnected)
        );
    }
}
