//! Official Java artefacts, unmodified, against our server. Without a JDK and Maven these tests say so
//! and do nothing.

mod cases;
mod scene;
mod worker;
