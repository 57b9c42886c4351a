//! Real processes that are killed, frozen, cut off, given a wrong clock and a full disk. Afterwards every
//! accepted run and every trigger has its one instance and its one end, and nothing was started twice
//! under one attempt.

#![recursion_limit = "256"] // scenarios wait inside of what waits

/// A scenario as a test on each database that several servers can share. `all` runs on PostgreSQL by
/// `make test`, too; `long` only by `make faults`.
macro_rules! on_both {
    (all: $($scenario:ident)+) => {
        mod postgres {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(powerjob_databases::Kind::Postgres).await;
            })+
        }
        on_both! { @mariadb $($scenario)+ }
    };
    (long: $($scenario:ident)+) => {
        mod postgres {
            $(#[tokio::test]
            #[ignore = "it takes long: `make faults`"]
            async fn $scenario() {
                super::$scenario(powerjob_databases::Kind::Postgres).await;
            })+
        }
        on_both! { @mariadb $($scenario)+ }
    };
    (@mariadb $($scenario:ident)+) => {
        mod mariadb {
            $(#[tokio::test]
            #[ignore = "it takes long: `make faults`"]
            async fn $scenario() {
                super::$scenario(powerjob_databases::Kind::MariaDb).await;
            })+
        }
    };
}

mod bad_input;
mod beats;
mod callers;
mod clock_jumps;
mod cut_networks;
mod fail_points;
mod full_disks;
mod lost_workers;
mod random_kills;
mod repeated_kills;
mod rolling_upgrade;
mod several_servers;
mod spread;
mod witness;
mod zombies;
