//! The reference's HTTP interface: its own traffic again, and the cases of spec 06 section 15.

mod console;
mod forms;
mod jobs;
mod people;
mod places;
pub(crate) mod programs;
mod replay;
mod rules;
mod shape;
mod stage;
mod workflows;
