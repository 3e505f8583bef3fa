//! The pre-forked server.
