//! The gateway in process: real sockets, a module per behaviour that a user can see.
