//! The program: words typed by a person → a gateway that runs until it is told to stop.

mod args;
mod banner;
mod daemon;
mod demo;
mod failure;
mod given;
mod log;
mod notify;
mod output;
mod pid_file;
mod process;
mod process_name;
mod replay;
mod serve;
mod signals;
mod streams;
#[cfg_attr(not(feature = "syslog"), path = "syslog_off.rs")]
mod syslog;
mod wrapping;

use std::process::ExitCode;

fn main() -> ExitCode {
    streams::spare_the_connection();
    let command = args::parse(); // wrong usage ends here, with status 2
    let code = serve::run(command).unwrap_or_else(|error| {
        output::stderr().say(&format!("wsferry: {}\n", failure::sentence(&error)));
        ExitCode::FAILURE
    });
    output::flush();
    code
}
