//! Who is at the other end.

use std::net::SocketAddr;

use powerjob_common::id::NodeRef;
use powerjob_protocol::wire::handshake::Role;

/// The node at the other end of a session, as the handshake showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Name and life.
    pub node: NodeRef,
    /// What it is.
    pub role: Role,
    /// Row id of the application of the session; -1 = none.
    pub app_id: i64,
    /// Name of the application of the session; empty = none.
    pub app_name: String,
    /// Address where others can reach it; empty = nowhere.
    pub advertised: String,
    /// Name and version of its software.
    pub software: String,
    /// The other end of the TCP connection.
    pub remote_addr: SocketAddr,
    /// Whether a secret was proven; a session without proof is possible only where it is allowed.
    pub is_authenticated: bool,
}

impl PeerInfo {
    /// The peer as it stands in addresses: role and node id.
    pub fn address(&self) -> String {
        node_address(self.role, &self.node)
    }
}

pub(crate) fn node_address(role: Role, node: &NodeRef) -> String {
    format!("{role} {}", node.node_id)
}
