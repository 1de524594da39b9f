//! The machine's own addresses: which of them a phone could reach.

use std::net::IpAddr;

/// The first address that another device on the network could reach: a private IPv4 address
/// before any other, never loopback or link-local.
#[must_use]
pub fn reachable() -> Option<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.into_iter().filter(|i| !i.is_loopback() && !i.is_link_local());
    addresses.map(|interface| interface.ip()).min_by_key(|ip| match ip {
        IpAddr::V4(v4) if v4.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    })
}
