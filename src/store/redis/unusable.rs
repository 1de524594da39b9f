//! Why a Redis cannot be used, and what it says of itself that tells.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError};

/// The oldest version that is tried by tests.
const OLDEST: u32 = 7;

/// Why a Redis cannot be used. No text of it has the address, for that may have a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unusable {
    /// The address is none of Redis'.
    #[error("this is no address of a Redis: {0}")]
    Address(String),
    /// The file of trusted certificates cannot be used.
    #[error("{0}")]
    Trust(String),
    /// Its certificate is not to be trusted.
    #[error("the certificate that Redis shows is not trusted ({0})")]
    Untrusted(String),
    /// The user or the password is refused, or one is needed.
    #[error("Redis refuses the user or the password")]
    Refused,
    /// Nobody answers there as Redis does.
    #[error("Redis cannot be reached ({0})")]
    Unreachable(String),
    /// No sentinel answers there.
    #[error("there is no sentinel at this address")]
    NoSentinel,
    /// The sentinels know no such master, or it is down.
    #[error("the sentinels know of no master of this name that is up")]
    NoMaster,
    /// It is of another kind than the address says.
    #[error("this Redis is {0}")]
    OfAnotherKind(&'static str),
    /// It is too old.
    #[error("Redis {0} is too old: 7.0 or newer is needed")]
    TooOld(String),
    /// A key is there and is not ours.
    #[error("the key {0} is there, and is not what is kept under this name")]
    Taken(String),
}

/// What a failure to connect means.
pub(super) fn unusable(error: &RedisError) -> Unusable {
    if let Some(rustls::Error::InvalidCertificate(why)) = of_tls(error) {
        return Unusable::Untrusted(format!("{why:?}"));
    }
    match (error.code().unwrap_or_default(), error.kind()) {
        ("WRONGPASS" | "NOAUTH" | "NOPERM", _) | (_, ErrorKind::AuthenticationFailed) => {
            Unusable::Refused
        }
        (_, ErrorKind::MasterNameNotFoundBySentinel) => Unusable::NoMaster,
        // The only thing that is found wrong after the address has been read.
        (_, ErrorKind::InvalidClientConfig) => Unusable::NoSentinel,
        (_, kind) => Unusable::Unreachable(match behind::<io::Error>(error) {
            Some(error) => error.kind().to_string(),
            None => format!("{kind:?}"),
        }),
    }
}

/// What is behind a failure: of the system, or of TLS.
fn behind<T: Error + 'static>(error: &RedisError) -> Option<&T> {
    let source = error.source()?;
    let shared: Option<&Arc<dyn Error + Send + Sync>> = source.downcast_ref();
    shared.map_or_else(|| source.downcast_ref(), |inner| inner.downcast_ref())
}

fn of_tls(error: &RedisError) -> Option<&rustls::Error> {
    let of_io = behind::<io::Error>(error).and_then(io::Error::get_ref);
    of_io.and_then(|inner| inner.downcast_ref()).or_else(|| behind(error))
}

/// What a line of `INFO server` says.
fn said<'a>(info: &'a str, name: &str) -> &'a str {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(said, _)| *said == name).map_or("?", |(_, value)| value.trim())
}

/// Whether a Redis that says this of itself can be used. Valkey says with which Redis it is
/// compatible.
pub(super) fn check(info: &str, cluster: bool) -> Result<(), Unusable> {
    let version = said(info, "redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        return Err(Unusable::TooOld(version.to_owned()));
    }
    match said(info, "redis_mode") {
        "sentinel" => Err(Unusable::OfAnotherKind(
            "a sentinel: write redis-sentinel://…?sentinelMasterId=name",
        )),
        "cluster" if !cluster => {
            Err(Unusable::OfAnotherKind("a node of a cluster: write redis-cluster://…"))
        }
        "standalone" if cluster => {
            Err(Unusable::OfAnotherKind("no node of a cluster: write redis://…"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_seven_on_will_do() {
        let info =
            |version: &str| check(&format!("# Server\r\nredis_version:{version}\r\nos:x"), false);
        assert_eq!((info("7.0.15"), info("7.2.4"), info("8.0.0")), (Ok(()), Ok(()), Ok(())));
        assert_eq!(info("6.2.14"), Err(Unusable::TooOld("6.2.14".to_owned())));
        assert_eq!(check("HTTP/1.1 400", false), Err(Unusable::TooOld("?".to_owned())));
    }

    #[test]
    fn a_redis_is_of_the_kind_that_the_address_says() {
        let kind = |mode: &str, cluster| {
            check(&format!("redis_version:7.0.15\r\nredis_mode:{mode}\r\n"), cluster)
        };
        assert_eq!((kind("standalone", false), kind("cluster", true)), (Ok(()), Ok(())));
        for (mode, cluster) in
            [("cluster", false), ("standalone", true), ("sentinel", false), ("sentinel", true)]
        {
            assert!(matches!(kind(mode, cluster), Err(Unusable::OfAnotherKind(_))), "{mode}");
        }
    }
}
