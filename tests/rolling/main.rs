//! Instances as processes behind a balancer, told as stories: they come and go, and no login notices.

#[path = "../support/mod.rs"]
mod support;

mod balance;
mod restart;
