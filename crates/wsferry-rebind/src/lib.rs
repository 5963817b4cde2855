//! The shim that `wsferry SOURCE_PORT -- PROGRAM` preloads into the program (`LD_PRELOAD`, ld.so(8)):
//! where the program binds the port that the gateway listens on, it gets a free port of the loopback
//! instead. Nothing else is changed.
//!
//! It is told what to do by the environment: `REBIND_OLD_PORT` (a number, or `first` for whichever
//! port each process binds first) and `REBIND_NEW_PORT`; `REBIND_PARENT`, the gateway's process id;
//! `REBIND_SOCKETS`, inherited sockets that are bound to the new port, for a program that changes its
//! user (`9:1234,10:1235`: numbers, and inodes that tell whether a number still means the socket).
//! Programs without the system's C library (static ones, most of Go's) and setuid programs do not load
//! it.
//!
//! Linux only; elsewhere the crate is empty.
#![cfg(target_os = "linux")]

mod calls;
mod listener;
mod place;
mod share;
