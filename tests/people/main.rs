//! People after they have logged in, told as stories: what they and services are told of their
//! logins, and what an operator does on the command line, beside a server that runs.

#[path = "../support/mod.rs"]
mod support;

mod away;
mod command;
mod history;
mod shared;
mod world;
