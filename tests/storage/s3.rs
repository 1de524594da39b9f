//! An object storage takes pictures from who may write, and shows them to browsers as they are to be
//! kept.

use crate::moto::{Key, Moto, get, open};
use crate::picture;

#[tokio::test]
async fn what_is_kept_can_be_had_and_forgotten() {
    let moto = Moto::strict();
    let storage = open(moto.options(&moto.writer)).await.expect("open");
    let (name, image) = picture(100_000);
    assert_eq!(storage.get(&name).await, Ok(None));
    storage.put(&name, &image).await.expect("kept");
    assert_eq!(storage.get(&name).await, Ok(Some(image)));
    storage.delete(&name).await.expect("forgotten");
    assert_eq!(storage.get(&name).await, Ok(None));
    storage.delete(&name).await.expect("forgotten already");
}

#[tokio::test]
async fn a_browser_may_keep_for_ever_what_it_gets_from_there() {
    let moto = Moto::open();
    let storage = open(moto.options(&moto.writer)).await.expect("open");
    let (name, image) = picture(1000);
    storage.put(&name, &image).await.expect("kept");
    let seen = get(&format!("{}/{}/{name}", moto.url, moto.bucket)).await;
    assert_eq!(seen.status(), 200);
    assert_eq!(seen.headers()["content-type"], "image/png");
    assert_eq!(seen.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(seen.bytes().await.expect("a body"), image.bytes);
}

#[tokio::test]
async fn the_probe_of_the_start_leaves_nothing() {
    let moto = Moto::open();
    let mut options = moto.options(&moto.writer);
    options.insert("root".to_owned(), "/empty".to_owned());
    open(options).await.expect("open");
    let list = get(&format!("{}/{}?list-type=2&prefix=empty", moto.url, moto.bucket)).await;
    let list = list.text().await.expect("a list");
    assert!(list.contains("<KeyCount>0</KeyCount>"), "{list}");
}

#[tokio::test]
async fn a_root_may_have_any_signs_in_it() {
    let moto = Moto::strict();
    for root in ["/codes of spring/", "/码/", "/a+b=c&d/", "/a~b/", "/100%25/"] {
        let mut options = moto.options(&moto.writer);
        options.insert("root".to_owned(), root.to_owned());
        let storage = open(options).await.unwrap_or_else(|error| panic!("{root}: {error}"));
        let (name, image) = picture(10);
        storage.put(&name, &image).await.expect("kept");
        assert_eq!(storage.get(&name).await, Ok(Some(image)), "{root}");
    }
}

/// What is said at the start, which tells no option.
async fn refused(
    key: Key,
    change: impl FnOnce(&mut std::collections::BTreeMap<String, String>),
) -> String {
    let mut options = Moto::strict().options(&key);
    change(&mut options);
    let values: Vec<String> = options.values().cloned().collect();
    let error = open(options).await.expect_err("refused").to_string();
    for value in values.iter().filter(|value| *value != "codes") {
        assert!(!error.contains(value.as_str()), "{error}");
    }
    error
}

#[tokio::test]
async fn who_may_not_write_is_told_at_the_start_why() {
    let moto = Moto::strict();
    let wrong = Key { secret_access_key: "wrong".repeat(8), ..moto.writer.clone() };
    let unknown = Key { access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..moto.writer.clone() };
    for (key, code) in [
        (wrong, "SignatureDoesNotMatch"),
        (unknown, "InvalidAccessKeyId"),
        (moto.reader.clone(), "AccessDenied"),
    ] {
        let error = refused(key, |_| {}).await;
        let expected = format!("storage.service: s3 cannot be written: PermissionDenied, {code}");
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_bucket_that_there_is_not_is_told_at_the_start() {
    let moto = Moto::open();
    let mut options = moto.options(&moto.writer);
    options.insert("bucket".to_owned(), "elsewhere".to_owned());
    let error = open(options).await.expect_err("refused").to_string();
    assert!(error.starts_with("storage.service: s3 cannot be written: "), "{error}");
    assert!(error.ends_with("NoSuchBucket"), "{error}");
}
