//! Official Java artefacts, unmodified, against our server. Without a JDK and Maven these tests say so
//! and do nothing.

mod cases;
mod client;
mod client_failover;
mod faults;
mod scene;
mod spring;
mod worker;
