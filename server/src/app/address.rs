//! Under which address others find this server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};

/// Stands for "somewhere else" (RFC 5737); nothing is ever sent there.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// What was set; else the bound address. Where that means "every address", the one from which this
/// machine reaches the database, or the rest of the world when the database is on this machine.
pub(super) fn advertised(
    setting: Option<&String>,
    bound: SocketAddr,
    database_url: Option<&str>,
) -> String {
    if let Some(address) = setting {
        return address.clone();
    }
    if !bound.ip().is_unspecified() {
        return bound.to_string();
    }
    let towards_database = database_url
        .and_then(host_of)
        .and_then(|place| own_ip_towards(place.as_str()));
    let ip = towards_database
        .filter(|ip| !ip.is_loopback())
        .or_else(|| own_ip_towards(ELSEWHERE))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    SocketAddr::new(ip, bound.port()).to_string()
}

/// `host:port` of a URL; the port hardly matters, because nothing is sent there.
fn host_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match (host.is_empty(), has_port) {
        (true, _) => None,
        (false, true) => Some(host.to_owned()),
        (false, false) => Some(format!("{host}:9")),
    }
}

/// Connecting a socket for datagrams sends nothing: the machine only looks up its routes.
fn own_ip_towards(place: impl ToSocketAddrs) -> Option<IpAddr> {
    let place = place.to_socket_addrs().ok()?.next()?;
    let any: SocketAddr = if place.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(place).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_unspecified()).then_some(ip)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_setting_wins_over_the_bound_address() {
        let setting = "pj1.example:7700".to_owned();
        let address = advertised(Some(&setting), bound("10.0.0.1:1"), None);
        assert_eq!(address, setting);
        assert_eq!(advertised(None, bound("10.0.0.1:1"), None), "10.0.0.1:1");
    }

    #[test]
    fn every_address_is_never_advertised() {
        for url in [
            None,
            Some("postgres://a:b@127.0.0.1:5432/pj"),
            Some("mysql://x"),
        ] {
            let address = bound(&advertised(None, bound("0.0.0.0:7700"), url));
            assert!(!address.ip().is_unspecified(), "{address}");
            assert_eq!(address.port(), 7700);
        }
    }

    #[test]
    fn the_host_of_a_database_is_found_in_its_url() {
        for (url, host) in [
            (
                "postgres://user:p@ss@db.example:5433/pj?x=1",
                Some("db.example:5433"),
            ),
            ("mysql://db.example/pj", Some("db.example:9")),
            ("postgres://[::1]:5432/pj", Some("[::1]:5432")),
            ("postgres:///pj", None),
            ("sqlite:data.db", None),
        ] {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }
}
