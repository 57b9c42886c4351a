//! Which workers without a proof may come in, and which addresses may be called for them? In: the
//! networks that the operator trusts, where a caller connects from, what it says of itself. Out: yes, or
//! why not in words. (ADR 016)
//!
//! Invariants:
//! 1. Nobody from outside the trusted networks comes in, unless all networks are trusted.
//! 2. An address is called only where its caller is, or where the operator expects workers, or on this
//!    machine for callers of this machine: nobody can point the server at somebody else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The lowest port of a worker: below it are the services of machines.
const LOWEST_PORT: u16 = 1_024;

/// Networks in which workers are trusted without a proof. This machine itself always is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressRules {
    /// The networks.
    pub networks: Vec<Network>,
    /// Whether callers from everywhere are let in.
    pub is_open: bool,
}

/// Why a worker is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is outside the trusted networks.
    #[error(
        "this server does not let workers in from {0}: add its network to `server.worker_networks` \
         in the server's configuration"
    )]
    Caller(IpAddr),
    /// It says that it is reached where it is not.
    #[error(
        "a worker that connects from {caller} may not be reached at {address}: it must announce its own \
         address, or that must be within `server.worker_networks` of the server's configuration"
    )]
    Address {
        /// Where it connects from.
        caller: IpAddr,
        /// What it says.
        address: String,
    },
    /// What it says is no address.
    #[error("`{0}` is no address of a worker: an IP address and a port of 1024 or more are needed")]
    NoAddress(String),
}

impl AddressRules {
    /// Whether a caller may come in at all.
    ///
    /// # Errors
    /// It is outside the trusted networks.
    pub fn admit(&self, caller: IpAddr) -> Result<(), Untrusted> {
        let caller = caller.to_canonical();
        match self.is_open || caller.is_loopback() || self.contain(caller) {
            true => Ok(()),
            false => Err(Untrusted::Caller(caller)),
        }
    }

    /// Whether a caller that was admitted may be reached at `address`; `is_own` tells whether an IP
    /// address is one of this machine.
    ///
    /// # Errors
    /// It is no address, or somebody else's.
    pub fn check_address(
        &self,
        caller: IpAddr,
        address: &str,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Result<SocketAddr, Untrusted> {
        let caller = caller.to_canonical();
        let no_address = || Untrusted::NoAddress(address.chars().take(100).collect());
        let place: SocketAddr = match address.strip_prefix("localhost:") {
            Some(port) => SocketAddr::new(
                Ipv4Addr::LOCALHOST.into(),
                port.parse().map_err(|_| no_address())?,
            ),
            None => address.parse().map_err(|_| no_address())?,
        };
        let host = place.ip().to_canonical();
        if place.port() < LOWEST_PORT || host.is_unspecified() || host.is_multicast() {
            return Err(no_address());
        }
        let is_caller = host == caller;
        let is_this_machine = (caller.is_loopback() || is_own(caller)) && is_own(host);
        if is_caller || is_this_machine || self.contain(host) {
            return Ok(place);
        }
        Err(Untrusted::Address {
            caller,
            address: address.to_owned(),
        })
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }
}

/// A range of IP addresses, e.g. `10.0.0.0/8` or `192.168.1.7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    /// Leading bits that must be equal.
    bits: u8,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let (ours, theirs, width) = match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                (u128::from(ours.to_bits()), u128::from(theirs.to_bits()), 32)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => (ours.to_bits(), theirs.to_bits(), 128),
            _ => return false,
        };
        (ours ^ theirs)
            .checked_shr(width - u32::from(self.bits))
            .unwrap_or(0)
            == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mistake = || format!("`{text}` is no network: write e.g. 10.0.0.0/8 or 192.168.1.7");
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| mistake())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= width)
                .ok_or_else(mistake)?,
        };
        Ok(Self { address, bits })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an IP address")
    }

    fn rules(networks: &[&str]) -> AddressRules {
        AddressRules {
            networks: networks
                .iter()
                .map(|it| it.parse().expect("a network"))
                .collect(),
            is_open: false,
        }
    }

    #[test]
    fn only_trusted_networks_and_this_machine_come_in() {
        let rules = rules(&["10.1.0.0/16", "fd00::/8", "192.168.1.7"]);
        for (caller, comes_in) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.255.3", true),
            ("10.2.0.1", false),
            ("::ffff:10.1.0.9", true),
            ("192.168.1.7", true),
            ("192.168.1.8", false),
            ("fd12::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(rules.admit(ip(caller)).is_ok(), comes_in, "{caller}");
        }
        let open = AddressRules {
            is_open: true,
            ..AddressRules::default()
        };
        assert_eq!(open.admit(ip("8.8.8.8")), Ok(()));
    }

    #[test]
    fn nobody_points_the_server_at_somebody_else() {
        let is_own = |address: IpAddr| address.is_loopback() || address == ip("172.17.0.2");
        let trusted = rules(&["10.1.0.0/16"]);
        let open = AddressRules {
            is_open: true,
            ..AddressRules::default()
        };
        for (rules, caller, address, is_good) in [
            (&trusted, "10.1.0.5", "10.1.0.5:27777", true),
            (&trusted, "10.1.0.5", "10.1.0.6:27777", true), // where workers are expected
            (&trusted, "10.1.0.5", "10.2.0.5:27777", false),
            (&trusted, "10.1.0.5", "127.0.0.1:27777", false),
            (&trusted, "10.1.0.5", "169.254.169.254:8080", false),
            (&trusted, "10.1.0.5", "10.1.0.5:22", false),
            (&trusted, "10.1.0.5", "metadata.internal:8080", false),
            (&trusted, "10.1.0.5", "10.1.0.5", false),
            (&trusted, "10.1.0.5", "0.0.0.0:27777", false),
            (&trusted, "127.0.0.1", "127.0.0.1:27777", true),
            (&trusted, "127.0.0.1", "localhost:27777", true),
            (&trusted, "127.0.0.1", "172.17.0.2:27777", true), // another address of this machine
            (&trusted, "127.0.0.1", "172.17.0.3:27777", false),
            (&open, "8.8.8.8", "8.8.8.8:27777", true),
            (&open, "8.8.8.8", "127.0.0.1:27777", false),
            (&open, "8.8.8.8", "8.8.4.4:27777", false),
        ] {
            let checked = rules.check_address(ip(caller), address, is_own);
            assert_eq!(
                checked.is_ok(),
                is_good,
                "{caller} says {address}: {checked:?}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_an_example() {
        for text in ["10.0.0.0/33", "x", "10.0.0/8", "::/129", ""] {
            let mistake = Network::from_str(text).expect_err(text);
            assert!(mistake.contains("10.0.0.0/8"), "{mistake}");
        }
        assert_eq!(
            "0.0.0.0/0"
                .parse::<Network>()
                .map(|it| it.contains(ip("9.9.9.9"))),
            Ok(true)
        );
    }
}
