//! Sockets: values in, values out; no decisions.

pub(crate) mod course;
pub(crate) mod dialing;
pub(crate) mod inbox;
pub(crate) mod node;
pub(crate) mod peer_inbox;
pub(crate) mod peers;
