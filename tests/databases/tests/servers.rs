//! Servers start, survive a kill with their data, and go with whoever started them.

use std::net::TcpStream;

use powerjob_databases::{DatabaseServer, Durability, Kind};

#[test]
fn servers_take_connections_until_they_drop() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let server = match DatabaseServer::start(kind, Durability::None) {
            Ok(server) => server,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("{kind:?} is not here: {error}");
                continue;
            }
            Err(error) => panic!("{kind:?}: {error}"),
        };
        let address = ("127.0.0.1", server.port());
        TcpStream::connect(address).unwrap();
        assert!(server.url("some").contains(&server.port().to_string()));
        drop(server);
        TcpStream::connect(address).unwrap_err();
    }
}

#[test]
fn a_killed_server_starts_again_on_its_data() {
    for kind in [Kind::Postgres, Kind::MariaDb] {
        let Ok(mut server) = DatabaseServer::start(kind, Durability::Full) else {
            println!("{kind:?} is not here");
            continue;
        };
        let address = ("127.0.0.1", server.port());
        server.kill().unwrap();
        TcpStream::connect(address).unwrap_err();
        server.start_again().unwrap();
        TcpStream::connect(address).unwrap();
    }
}
