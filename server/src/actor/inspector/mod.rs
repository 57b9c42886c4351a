//! `server/inspector`: the inside of all nodes, for people who watch.

mod message;

pub use self::message::{ClusterTap, GetClusterActors, NodeReading, RecentMessages, WatchCluster};
