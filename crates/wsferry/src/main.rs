//! The program: words typed by a person → a gateway that runs until it is told to stop.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::spare_the_connection();
    let command = cli::parse(); // wrong usage ends here, with status 2
    let code = cli::run(command).unwrap_or_else(|error| {
        cli::say(&format!("wsferry: {}\n", cli::sentence(&error)));
        ExitCode::FAILURE
    });
    cli::flush();
    code
}
