//! The command line: reads it, and calls the command that it names.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use command::{Failed, PoolCommand, Settings, UsersCommand};

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Scan to log in: a browser shows a code, a phone scans it, and the browser is told at once.
///
/// Without a command it serves. Without a configuration it serves on 127.0.0.1:3000 with the
/// simulator, which lets anybody log in as anybody: for trying and testing, no security.
#[derive(Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

const EXAMPLES: &str = "Examples:
  saoma                                    try it on this machine
  saoma --listen 0.0.0.0:3000              try it with a phone on the same network
  saoma --config saoma.toml                serve as configured
  saoma check-config --config saoma.toml   see what that means, secrets hidden
  SAOMA_SESSION_TTL=60 saoma               every setting is an environment variable, too";

#[derive(Subcommand)]
enum Command {
    /// Serve (what is done without a command)
    Serve,
    #[command(about = "Print the OpenAPI document")]
    Openapi,
    /// Check the configuration and print it as it takes effect, secrets hidden
    CheckConfig {
        /// Ask the database, Redis, the storage and the collector, too, whether they answer
        #[arg(long)]
        connect: bool,
    },
    /// Ask the server on this machine whether it is ready; exit code 0 says yes
    Ready,
    /// Look after codes that are made ahead
    Pool(PoolCommand),
    /// Look after who is registered
    #[command(subcommand)]
    Users(UsersCommand),
}

fn main() -> ExitCode {
    let CommandLine { command, settings } = CommandLine::parse();
    let done = match command {
        None | Some(Command::Serve) => command::serve(&settings).map_err(Failed::Settings),
        Some(Command::Openapi) => command::openapi().map_err(Failed::Settings),
        Some(Command::CheckConfig { connect }) => command::check_config(&settings, connect),
        Some(Command::Ready) => command::ready(&settings),
        Some(Command::Pool(pool)) => command::pool(&settings, &pool),
        Some(Command::Users(users)) => command::users(&settings, &users),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            let (error, code) = match failed {
                Failed::Settings(error) => (error, 2),
                Failed::Done(error) => (error, 1),
            };
            eprintln!("saoma: {error}");
            ExitCode::from(code)
        }
    }
}
