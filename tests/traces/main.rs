//! Traces and the log, told as stories: what a collector hears of a login, where a request came
//! from and goes to, and how a session is followed through several instances.

#[path = "../support/mod.rs"]
mod support;

// The service that decides, as its own stories have it.
#[path = "../hook/service.rs"]
#[expect(dead_code, reason = "its own stories use all of it")]
mod service;

mod collector;
mod log;
mod passing;
mod spans;
