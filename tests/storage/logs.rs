//! What the log tells of a storage, with everything in it that it can have: no key.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::filter::LevelFilter;

use crate::moto::{Key, Moto, open};
use crate::picture;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_log_tells_a_key() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();

    let moto = Moto::strict();
    let storage = open(moto.options(&moto.writer)).await.expect("open");
    let (name, image) = picture(1000);
    storage.put(&name, &image).await.expect("kept");
    storage.get(&name).await.expect("read");
    let wrong = Key { secret_access_key: "wrong".repeat(8), ..moto.writer.clone() };
    open(moto.options(&wrong)).await.expect_err("refused");
    let mut nowhere = moto.options(&moto.writer);
    nowhere.insert("endpoint".to_owned(), "http://127.0.0.1:1".to_owned());
    open(nowhere).await.expect_err("nobody is there");

    let told = String::from_utf8_lossy(&log.0.lock()).into_owned();
    assert!(told.contains("storage.retried"), "{told}");
    let Key { access_key_id, secret_access_key } = &moto.writer;
    for secret in [access_key_id, secret_access_key, &wrong.secret_access_key] {
        let line = told.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}
