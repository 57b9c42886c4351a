//! Sessions of the native protocol over TCP.
