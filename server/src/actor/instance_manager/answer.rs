//! Answers to the items of one frame, collected from all shards.
//!
//! Each item has a slot. When the last slot is gone the frame is answered; a slot that was never set
//! says "again", so a lost letter is repeated by the worker and never taken for stored.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use powerjob_common::fail_point;
use powerjob_protocol::wire::server_to_worker::StopInstance;
use powerjob_protocol::wire::worker_to_server::ReportAnswer;

const AGAIN: u8 = 0;
const STORED: u8 = 1;
const STALE: u8 = 2;
const UNKNOWN: u8 = 3;

type Send = Box<dyn FnOnce(Vec<ReportAnswer>, Vec<StopInstance>) + std::marker::Send>;

/// The answers of one frame; sends them when it is dropped.
pub(crate) struct AnswerSheet {
    answers: Box<[AtomicU8]>,
    stop: Mutex<Vec<StopInstance>>,
    /// In a lock only because a sheet is shared: nobody but its end takes it out.
    send: Mutex<Option<Send>>,
}

impl fmt::Debug for AnswerSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnswerSheet({} items)", self.answers.len())
    }
}

impl AnswerSheet {
    /// A sheet for `count` reports; `send` gets their answers and what the worker must stop.
    pub(crate) fn new(
        count: usize,
        send: impl FnOnce(Vec<ReportAnswer>, Vec<StopInstance>) + std::marker::Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: (0..count).map(|_| AtomicU8::new(AGAIN)).collect(),
            stop: Mutex::default(),
            send: Mutex::new(Some(Box::new(send))),
        })
    }

    /// The slot of the report at `place`, or (beyond the last report) of a run that is only held.
    pub(crate) fn slot(self: &Arc<Self>, place: usize) -> AnswerSlot {
        AnswerSlot {
            sheet: self.clone(),
            place,
        }
    }
}

impl Drop for AnswerSheet {
    fn drop(&mut self) {
        let send = self.send.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(send) = send.take() else { return };
        let answers = self
            .answers
            .iter()
            .map(|answer| match answer.load(Relaxed) {
                STORED => ReportAnswer::Stored,
                STALE => ReportAnswer::Stale,
                UNKNOWN => ReportAnswer::UnknownInstance,
                _ => ReportAnswer::Again,
            })
            .collect();
        let stop = std::mem::take(self.stop.get_mut().unwrap_or_else(PoisonError::into_inner));
        fail_point::hit("report::before_answer");
        send(answers, stop);
        fail_point::hit("report::after_answer");
    }
}

/// The place of one item on its sheet.
#[derive(Debug)]
pub(crate) struct AnswerSlot {
    sheet: Arc<AnswerSheet>,
    place: usize,
}

impl AnswerSlot {
    /// Sets the answer.
    pub(crate) fn answer(self, answer: ReportAnswer) {
        let code = match answer {
            ReportAnswer::Again => AGAIN,
            ReportAnswer::Stored => STORED,
            ReportAnswer::Stale => STALE,
            ReportAnswer::UnknownInstance => UNKNOWN,
        };
        if let Some(slot) = self.sheet.answers.get(self.place) {
            slot.store(code, Relaxed);
        }
    }

    /// Has the worker stop a run that it holds.
    pub(crate) fn stop(self, item: StopInstance) {
        self.sheet
            .stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_answered_with_its_last_slot_and_forgotten_items_say_again() {
        let sent = Arc::new(Mutex::new(None));
        let copy = sent.clone();
        let sheet = AnswerSheet::new(3, move |answers, _| {
            *copy.lock().expect("no panic") = Some(answers);
        });
        let slots: Vec<_> = (0..3).map(|place| sheet.slot(place)).collect();
        drop(sheet);
        let mut slots = slots.into_iter();
        slots.next().expect("three").answer(ReportAnswer::Stored);
        drop(slots.next());
        assert_eq!(*sent.lock().expect("no panic"), None);
        slots.next().expect("three").answer(ReportAnswer::Stale);
        let expected = vec![
            ReportAnswer::Stored,
            ReportAnswer::Again,
            ReportAnswer::Stale,
        ];
        assert_eq!(*sent.lock().expect("no panic"), Some(expected));
    }
}
