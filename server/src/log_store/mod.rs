//! Logs of runs: append-only segments per application with an index by instance.
