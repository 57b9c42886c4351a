//! The HTTP edge as its clients see it: a real store, and a stand-in behind every port of an actor.

mod assets;
mod bad_input;
mod compatible;
mod forward;
mod stand_in;
mod statistics;
mod support;

mod apps;
mod calendar;
mod instances;
mod java_workers;
mod jobs;
mod openapi;
mod permissions;
mod real;
mod routes;
mod runs;
mod server;
mod sessions;
mod streams;
