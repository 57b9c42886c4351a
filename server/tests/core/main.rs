//! The server core in one process: real store, real sockets, fake workers that do as they are told.

mod cluster;
mod fake_worker;

mod beats;
mod cleaning;
mod failed_tasks;
mod failures;
mod life;
mod operations;
mod overlap;
mod runs;
mod schedules;
mod take_overs;
mod worker_choice;
