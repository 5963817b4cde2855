//! The program: the built binary, as a person runs it.
