//! Real processes that are killed: at fail points, and at any moment. Afterwards every accepted run
//! has reached an end, and none was started twice under one attempt.

mod bad_input;
mod fail_points;
mod lost_workers;
mod random_kills;
mod several_servers;
mod witness;
