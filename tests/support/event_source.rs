//! A parser of event streams that does what the standard says and nothing else (WHATWG HTML,
//! section 9.2.6): the server's encoder must not be read by a reader made for it.

/// A message that was dispatched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    /// Its `event`; `message` if there was none.
    pub(crate) event: String,
    /// Its `data`, lines joined.
    pub(crate) data: String,
    /// The last event id at that moment.
    pub(crate) last_event_id: String,
}

/// Reads a stream, however its bytes are cut.
#[derive(Default)]
pub(crate) struct Parser {
    bytes: Vec<u8>,
    begun: bool,
    after_cr: bool,
    data: String,
    event: String,
    id: String,
    /// The last `retry`, in milliseconds.
    pub(crate) retry: Option<u64>,
    /// The comments so far.
    pub(crate) comments: Vec<String>,
}

impl Parser {
    /// Takes bytes as they came; the messages that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.bytes.extend_from_slice(bytes);
        if !self.begun {
            if self.bytes.len() < 3 && b"\xEF\xBB\xBF".starts_with(&self.bytes) {
                return Vec::new();
            }
            self.begun = true;
            if self.bytes.starts_with(b"\xEF\xBB\xBF") {
                self.bytes.drain(..3);
            }
        }
        let mut messages = Vec::new();
        while let Some(line) = self.line() {
            messages.extend(self.take(&line));
        }
        messages
    }

    /// The next whole line: ended by LF, CR, or CR LF.
    fn line(&mut self) -> Option<String> {
        if self.after_cr && self.bytes.first() == Some(&b'\n') {
            self.bytes.remove(0);
        }
        if !self.bytes.is_empty() {
            self.after_cr = false;
        }
        let end = self.bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        self.after_cr = self.bytes[end] == b'\r';
        self.bytes.drain(..=end);
        Some(line)
    }

    fn take(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => self.comments.push(value.to_owned()),
            "event" => value.clone_into(&mut self.event),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Message> {
        let (mut data, event) = (std::mem::take(&mut self.data), std::mem::take(&mut self.event));
        if data.is_empty() {
            return None;
        }
        data.pop();
        let event = if event.is_empty() { "message".to_owned() } else { event };
        Some(Message { event, data, last_event_id: self.id.clone() })
    }
}

mod tests {
    use super::*;

    fn read(stream: &str) -> Vec<(String, String, String)> {
        let parse = |cuts: usize| {
            let mut parser = Parser::default();
            let parts = stream.as_bytes().chunks(cuts);
            let messages: Vec<_> = parts.flat_map(|part| parser.feed(part)).collect();
            messages.into_iter().map(|m| (m.event, m.data, m.last_event_id)).collect()
        };
        let whole: Vec<_> = parse(stream.len().max(1));
        for cuts in 1..4 {
            assert_eq!(parse(cuts), whole, "cut into {cuts} bytes each: {stream:?}");
        }
        whole
    }

    fn message(event: &str, data: &str, id: &str) -> (String, String, String) {
        (event.to_owned(), data.to_owned(), id.to_owned())
    }

    #[test]
    fn the_examples_of_the_standard() {
        let first = ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
            data:  third event\n\n";
        let expected = [
            message("message", "first event", "1"),
            message("message", "second event", ""),
            message("message", " third event", ""),
        ];
        assert_eq!(read(first), expected);
        let lines = "data\n\ndata\ndata\n\ndata:";
        assert_eq!(read(lines), [message("message", "", ""), message("message", "\n", "")]);
        assert_eq!(read("data: YHOO\ndata: +2\ndata: 10\n\n")[0].1, "YHOO\n+2\n10");
        let named = "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n";
        assert_eq!(read(named), [message("add", "73857293", ""), message("remove", "2153", "")]);
    }

    #[test]
    fn lines_end_by_each_of_the_three_ends_and_a_mark_at_the_beginning_is_skipped() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = format!("\u{FEFF}event: a{end}data: b{end}{end}data: c{end}{end}");
            let expected = [message("a", "b", ""), message("message", "c", "")];
            // A last lone CR may be half of a CR LF, but it ends the line all the same.
            assert_eq!(read(&stream), expected, "{end:?}");
        }
        assert!(read("\u{FEFF}\u{FEFF}data: x\n\n").is_empty());
    }

    #[test]
    fn an_id_stays_until_another_and_one_with_nul_is_none() {
        let stream = "id: 7\ndata: a\n\ndata: b\n\nid: 8\0\ndata: c\n\nid\ndata: d\n\n";
        let ids: Vec<_> = read(stream).into_iter().map(|(_, _, id)| id).collect();
        assert_eq!(ids, ["7", "7", "7", ""]);
    }

    #[test]
    fn an_event_without_data_is_none_and_what_is_not_ended_is_not_said() {
        assert!(read("event: x\nid: 4\n\nretry: 5\n\n: only a comment\n\ndata: half").is_empty());
        assert_eq!(read("event: x\n\ndata: y\n\n"), [message("message", "y", "")]);
        assert!(read("unknown: z\nDATA: z\n\n").is_empty());
    }

    #[test]
    fn retry_is_digits_only() {
        let mut parser = Parser::default();
        for (line, expected) in [
            ("retry: 10", Some(10)),
            ("retry: 1s", Some(10)),
            ("retry: -1", Some(10)),
            ("retry", Some(10)),
            ("retry:20", Some(20)),
        ] {
            parser.feed(format!("{line}\n").as_bytes());
            assert_eq!(parser.retry, expected, "{line}");
        }
    }
}
