//! What a browser and a phone say: requests with the headers, and so the size, of real ones.

use crate::door::{Door, Login};
use crate::server::{Kind, Transport};

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 \
(KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const HINTS: &str = "sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \
\"Not_A Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Windows\"\r\n\
Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n";
const ACCEPTS: &str = "Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: zh-CN,zh;q=0.9,en-GB;q=0.8,en;q=0.7\r\n";
const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
(KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.62(0x18003e2f) NetType/WIFI Language/zh_CN";

/// The request of one subscription. Both servers get the same headers; what authenticates at saoma
/// is only weight at Nchan.
pub(crate) fn subscribe(door: Door, transport: Transport, login: &Login, cursor: u64) -> Vec<u8> {
    let host = door.addr;
    let (id, secret) = (&login.id, &login.secret);
    let path = match door.kind {
        Kind::Saoma => format!("/v1/sessions/{id}/events?cursor={cursor}&wait=60"),
        Kind::Nchan => format!("/sub/{id}"),
    };
    match transport {
        Transport::WebSocket => format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
             Cache-Control: no-cache\r\nUser-Agent: {CHROME}\r\nUpgrade: websocket\r\n\
             Origin: http://{host}\r\nSec-WebSocket-Version: 13\r\n{ACCEPTS}\
             Cookie: saoma_secret={secret}\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
             Sec-WebSocket-Protocol: saoma.v1, saoma.bearer.{secret}\r\n\r\n"
        ),
        Transport::Sse => format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n{HINTS}\
             User-Agent: {CHROME}\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n\
             Referer: http://{host}/\r\n{ACCEPTS}Cookie: saoma_secret={secret}\r\n\r\n"
        ),
        Transport::LongPoll => format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n{HINTS}\
             User-Agent: {CHROME}\r\nAccept: application/json\r\nReferer: http://{host}/\r\n\
             {ACCEPTS}Authorization: Bearer {secret}\r\n\r\n"
        ),
    }
    .into_bytes()
}

/// A page's call, with the session's secret if there is a session yet.
pub(crate) fn page_post(door: Door, path: &str, secret: Option<&str>, body: &str) -> Vec<u8> {
    let (host, length) = (door.addr, body.len());
    let bearer = secret.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
    let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\
         Content-Length: {length}\r\n{HINTS}User-Agent: {CHROME}\r\nAccept: */*\r\n\
         {json}Origin: http://{host}\r\nReferer: http://{host}/\r\n\
         {ACCEPTS}{bearer}\r\n{body}"
    )
    .into_bytes()
}

/// A page's picture.
pub(crate) fn page_get(door: Door, path: &str) -> Vec<u8> {
    let host = door.addr;
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n{HINTS}\
         User-Agent: {CHROME}\r\nAccept: image/avif,image/webp,image/apng,image/*,*/*;q=0.8\r\n\
         Referer: http://{host}/\r\n{ACCEPTS}\r\n"
    )
    .into_bytes()
}

/// A mini program's call, with the phone token if it has one yet.
pub(crate) fn phone_post(door: Door, path: &str, token: Option<&str>, body: &str) -> Vec<u8> {
    let (host, length) = (door.addr, body.len());
    let bearer = token.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\
         Content-Length: {length}\r\nContent-Type: application/json\r\n{bearer}\
         Accept-Encoding: gzip,compress,br,deflate\r\nUser-Agent: {WECHAT}\r\n\
         Referer: https://servicewechat.com/wx0123456789abcdef/1/page-frame.html\r\n\r\n{body}"
    )
    .into_bytes()
}
