//! The program: words typed by a person → a gateway that runs until it is told to stop.
#![allow(clippy::print_stderr, clippy::print_stdout)] // a program talks to its terminal

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::spare_the_connection();
    let command = cli::parse(); // wrong usage ends here, with status 2
    match cli::run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("wsferry: {}", cli::sentence(&error));
            ExitCode::FAILURE
        }
    }
}
