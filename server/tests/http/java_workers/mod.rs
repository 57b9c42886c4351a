//! Workers of the reference as its messages have them: the conformance cases of spec 05 section 14 and
//! what was recorded of the real product. Real official workers are in `tests/tests/java`.

mod discovery;
mod messages;
mod recorded;

mod scene;
mod towards_workers;
