//! Content codings (RFC 9110, section 8.4): gzip, for what does not change while the server runs.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use crate::transport::negotiate::tokens;

/// The content in gzip, if that is shorter.
#[must_use]
pub fn gzip(content: &[u8]) -> Option<Bytes> {
    let compressed: io::Result<Vec<u8>> = (|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        encoder.finish()
    })();
    compressed.ok().filter(|shorter| shorter.len() < content.len()).map(Bytes::from)
}

/// Whether a client takes gzip, and does not like it less than none (RFC 9110, section 12.5.3).
#[must_use]
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight = |coding: &str| {
        tokens(headers, &ACCEPT_ENCODING).find_map(|token| {
            let mut parts = token.split(';').map(str::trim);
            parts.next().filter(|name| name.eq_ignore_ascii_case(coding))?;
            let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            Some(q.map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0)))
        })
    };
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(0.0);
    gzip > 0.0 && weight("identity").is_none_or(|identity| identity <= gzip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_whether_it_takes_gzip() {
        for (accept, takes) in [
            ("gzip, deflate, br, zstd", true),
            ("GZip", true),
            ("x-gzip", true),
            ("br;q=1.0, gzip;q=0.8, *;q=0.1", true),
            ("*", true),
            ("*;q=0.5, identity;q=0.5", true),
            ("", false),
            ("identity", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("gzip;q=x", false),
            ("identity, gzip;q=0.5", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, accept.parse().unwrap());
            assert_eq!(takes_gzip(&headers), takes, "{accept}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_gets_longer_is_left_as_it_is() {
        assert_eq!(gzip(b"short"), None);
        assert!(gzip(&[b'x'; 1000]).is_some_and(|shorter| shorter.len() < 100));
    }
}
