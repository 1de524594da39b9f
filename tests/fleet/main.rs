//! Many instances on one Redis, told as stories: whoever asks whichever instance, it is one server.

#[path = "../support/mod.rs"]
mod support;

mod everywhere;
mod instances;
mod keeping;
mod races;
mod troubles;
