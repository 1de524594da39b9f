//! WebSocket frames that are wrong, odd, cut and late.

use serde_json::{Value, json};

use crate::person::Session;
use crate::server::Server;
use crate::socket::{CLOSE, PING, PONG, Socket, TEXT, frame};

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code_and_a_clean_end() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut unmasked = frame(TEXT, r#"{"do":"cancel"}"#);
    unmasked[1] &= 0x7F;
    let flood = frame(0x83, vec![0x83; 60_000]).repeat(30);
    for (what, bytes, code) in [
        ("unmasked", unmasked, 1002),
        ("a reserved bit", frame(0xC1, "{}"), 1002),
        ("another reserved bit", frame(0x91, "{}"), 1002),
        ("an unknown opcode", frame(0x83, "{}"), 1002),
        ("an unknown control opcode", frame(0x8B, ""), 1002),
        ("a continuation of nothing", frame(0x80, "x"), 1002),
        ("a text within a text", [frame(0x01, "a"), frame(TEXT, "b")].concat(), 1002),
        ("a fragmented ping", frame(0x09, "x"), 1002),
        ("a long ping", frame(PING, [0; 126]), 1002),
        ("binary", frame(0x82, "x"), 1003),
        ("no UTF-8", frame(TEXT, b"\xC3\x28"), 1007),
        ("too big", frame(TEXT, vec![b' '; 65_537]), 1009),
        ("too big by its word alone", vec![TEXT, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0], 1009),
        (
            "too big in pieces",
            [frame(0x01, vec![b' '; 40_000]), frame(0x80, vec![b' '; 40_000])].concat(),
            1009,
        ),
        ("a close with half a code", frame(CLOSE, [3]), 1002),
        ("a close with 1005", frame(CLOSE, 1005u16.to_be_bytes()), 1002),
        ("a close with 999", frame(CLOSE, 999u16.to_be_bytes()), 1002),
        ("a close whose reason is no UTF-8", frame(CLOSE, b"\x03\xE8\xFF"), 1007),
        ("wrong frames without end", flood, 1002),
    ] {
        let mut socket = Socket::of(&session).await;
        socket.send(bytes).await;
        assert_eq!(socket.closed().await, code, "{what}");
    }
    server.subscribers(0).await;
    let state = session.call("GET", "", &Value::Null).await.json();
    assert_eq!((&state["state"], &state["cursor"]), (&json!("pending"), &json!(1)));
}

#[tokio::test]
async fn after_a_close_nothing_is_said_and_nothing_is_done() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let cancel = frame(TEXT, r#"{"do":"cancel"}"#);
    for behind in [frame(PING, "late"), cancel.clone(), cancel.repeat(2_000)] {
        let mut socket = Socket::of(&session).await;
        socket.send([frame(CLOSE, 1000u16.to_be_bytes()), behind].concat()).await;
        assert_eq!(socket.closed().await, 1000);
    }
    assert_eq!(session.call("GET", "", &Value::Null).await.json()["state"], "pending");
}

#[tokio::test]
async fn what_is_said_last_is_not_lost_to_a_reset() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    socket.send(frame(0x82, "binary")).await;
    // A client that is still speaking when the close is already on its way.
    for _ in 0..5 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        socket.send(frame(TEXT, "more")).await;
    }
    assert_eq!(socket.closed().await, 1003);
}

#[tokio::test]
async fn a_close_is_answered_in_kind_and_ends_the_connection() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let with_reason = [&4000u16.to_be_bytes()[..], b"bye"].concat();
    for (payload, code) in
        [(&b""[..], 1000), (&[3, 232], 1000), (&[3, 233], 1001), (&with_reason, 4000)]
    {
        let mut socket = Socket::of(&session).await;
        socket.send(frame(CLOSE, payload)).await;
        assert_eq!(socket.closed().await, code);
    }
    server.subscribers(0).await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_even_within_a_fragmented_text() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    for payload in [&b""[..], b"ping", &[0xFF; 125]] {
        socket.send(frame(PING, payload)).await;
        let answer = socket.frame().await.expect("no reset").expect("a pong");
        assert_eq!((answer.first, &*answer.payload), (PONG, payload));
    }
    socket.send(frame(PONG, "unasked")).await;
    socket.send(frame(0x01, r#"{"do":"mes"#)).await;
    socket.send(frame(PING, "between")).await;
    socket.send(frame(0x00, r#"sage","ref":"ü"#.as_bytes().split_at(13).0)).await;
    socket.send(frame(0x00, r#"sage","ref":"ü"#.as_bytes().split_at(13).1)).await;
    socket.send(frame(0x80, r#"","body":[1,2]}"#)).await;
    let pong = socket.frame().await.expect("no reset").expect("a pong");
    assert_eq!((pong.first, &*pong.payload), (PONG, &b"between"[..]));
    let (event, answer) = event_and_answer(&mut socket).await;
    assert_eq!(event["data"]["body"], json!([1, 2]));
    assert_eq!(
        (&answer["ref"], &answer["ok"], &answer["id"]),
        (&json!("ü"), &json!(true), &json!(2))
    );
}

#[tokio::test]
async fn a_text_of_exactly_64_kib_is_taken() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    let around = r#"{"do":"message","body":""}"#.len();
    let text = format!(r#"{{"do":"message","body":"{}"}}"#, "x".repeat(65_536 - around));
    assert_eq!(text.len(), 65_536);
    let bytes = frame(TEXT, text);
    for piece in bytes.chunks(30_000) {
        socket.send(piece).await;
    }
    let (event, answer) = event_and_answer(&mut socket).await;
    assert_eq!(event["data"]["body"].as_str().map(str::len), Some(65_536 - around));
    assert_eq!(answer["ok"], true);
}

#[tokio::test]
async fn commands_in_one_segment_are_done_and_answered_in_order() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    let count: usize = 50;
    let command = |n| frame(TEXT, json!({ "do": "message", "ref": n, "body": n }).to_string());
    socket.send((0..count).flat_map(command).collect::<Vec<u8>>()).await;
    let (mut answers, mut events) = (Vec::new(), Vec::new());
    while answers.len() < count || events.len() < count {
        let said: Value = serde_json::from_str(&socket.text().await).expect("JSON");
        if said["ref"].is_null() {
            events.push((said["id"].clone(), said["data"]["body"].clone()));
        } else {
            answers.push((said["id"].clone(), said["ref"].clone()));
        }
    }
    let expected: Vec<_> = (0..count).map(|n| (json!(n + 2), json!(n))).collect();
    assert_eq!((&answers, &events), (&expected, &expected));
}

#[tokio::test]
async fn commands_sent_with_the_handshake_are_not_lost() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let phone = session.scan("early").await;
    let mut client = crate::http::Client::connect(server.public).await;
    let path = format!("{}/events?cursor=2", phone.path);
    let confirm = frame(TEXT, r#"{"do":"confirm","ref":"1"}"#);
    client
        .send([crate::socket::handshake(&path, &phone.token).into_bytes(), confirm].concat())
        .await;
    assert_eq!(client.head().await.status, 101);
    let mut socket = Socket(client);
    let mut said = Vec::new();
    while !said.iter().any(|text: &String| text.contains(r#""ref":"1""#)) {
        said.push(socket.text().await);
    }
    assert!(said[0].contains("hello"), "{said:?}");
    assert!(said.last().is_some_and(|answer| answer.contains(r#""ok":true"#)), "{said:?}");
}

#[tokio::test]
async fn a_frame_may_come_byte_by_byte() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    // Long enough for the longer form of a length.
    let text = json!({ "do": "message", "ref": 1, "body": "x".repeat(150) }).to_string();
    for byte in frame(TEXT, text) {
        socket.send([byte]).await;
        tokio::time::sleep(std::time::Duration::from_micros(300)).await;
    }
    let (event, answer) = event_and_answer(&mut socket).await;
    assert_eq!((&event["id"], &answer["id"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_socket_cut_in_the_middle_of_a_frame_is_let_go() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let bytes = frame(TEXT, json!({ "do": "cancel", "pad": "x".repeat(200) }).to_string());
    for cut in [1, 2, 3, 5, 9, 100, bytes.len() - 1] {
        let mut socket = Socket::of(&session).await;
        socket.send(&bytes[..cut]).await;
        if cut % 2 == 0 {
            // A reset instead of an end.
            socket.0.stream.set_zero_linger().expect("set");
        }
    }
    server.subscribers(0).await;
    assert_eq!(session.call("GET", "", &Value::Null).await.json()["state"], "pending");
}

#[tokio::test]
async fn texts_that_are_no_command_are_answered_and_the_socket_stays_open() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut socket = Socket::of(&session).await;
    for text in
        ["", "{", "null", "[]", "{}", r#"{"do":1}"#, r#"{"do":"confirm"}"#, r#"{"do":"message"}"#]
    {
        socket.send(frame(TEXT, text)).await;
        let answer: Value = serde_json::from_str(&socket.text().await).expect("JSON");
        assert_eq!((&answer["ok"], &answer["problem"]["status"]), (&json!(false), &json!(400)));
    }
    socket.send(frame(TEXT, r#"{"do":"cancel","ref":7}"#)).await;
    let (event, answer) = event_and_answer(&mut socket).await;
    assert_eq!((&event["type"], &answer["ref"]), (&json!("cancelled"), &json!(7)));
    assert_eq!(socket.closed().await, 1000);
}

/// The next two texts: one event and one answer, whichever came first.
async fn event_and_answer(socket: &mut Socket) -> (Value, Value) {
    let [one, other] = [socket.text().await, socket.text().await];
    let [one, other]: [Value; 2] =
        [&one, &other].map(|text| serde_json::from_str(text).expect("JSON"));
    if one["ok"].is_null() { (one, other) } else { (other, one) }
}
