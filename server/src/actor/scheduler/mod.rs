//! `server/scheduler`: finds what is due and makes its instances in time.

mod message;

pub use self::message::{SaveError, SaveJob, SwitchJob};
