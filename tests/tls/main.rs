//! TLS inside the process, told as stories: every transport over it, certificates that are renewed
//! while people wait, and clients and settings that are wrong.

#[path = "../support/mod.rs"]
mod support;

mod clients;
mod logins;
mod renewals;
mod settings;
mod websocket_over_http2;

use saoma::config::Config;
use support::certificates::Authority;

/// An authority whose server is on this machine.
fn authority() -> Authority {
    Authority::of("IP:127.0.0.1,DNS:localhost")
}

/// Has a server show the authority's certificate.
fn shows(config: &mut Config, authority: &Authority) {
    config.tls.cert_file = Some(authority.cert());
    config.tls.key_file = Some(authority.key());
}
