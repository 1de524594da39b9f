//! Codes that were made for another page or version: nobody gets them, and their numbers are made
//! anew.

use std::collections::BTreeSet;

use saoma::config::EnvVersion;

use crate::stub::Stub;
use crate::support::postgres::Postgres;
use crate::support::{Store, TestServer, Via, namespace};
use crate::world::{
    CODES, SMALL, folder, has_free, picture, pictures_in, shared, wechat, with_a_pool,
};

async fn server(
    wechat: &Stub,
    database: &str,
    pictures: &std::path::Path,
    page: &str,
) -> TestServer {
    let url = wechat.base.clone();
    let server = TestServer::start_with(Store::Memory, |config| {
        with_a_pool(config, &url, SMALL);
        shared(config, database, pictures);
        let wechat = &mut namespace(config, "default").wechat;
        page.clone_into(&mut wechat.page);
        if page.ends_with("other") {
            wechat.env_version = EnvVersion::Trial;
        }
    });
    server.await
}

// Pictures are looked at here, which takes long: the server has threads of its own meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_change_of_the_page_every_number_is_made_anew() {
    let (wechat, pictures) = (wechat().await, folder());
    let database = Postgres::shared().new_database();
    let mut old = server(&wechat, &database, pictures.path(), "pages/wsLogin/wsLogin").await;
    has_free(&old, 8).await;
    let held = old.browser(Via::LongPoll).open_only().await;
    let before: BTreeSet<_> = pictures_in(pictures.path()).into_iter().collect();
    old.leave().await.expect("left");

    let new = server(&wechat, &database, pictures.path(), "pages/other/other").await;
    has_free(&new, 7).await;
    let session = new.browser(Via::LongPoll).open_only().await;
    let shown = picture(&new.api(), &session).await.is_image("image/jpeg");
    let opened = wechat.tell("scan", serde_json::json!({ "picture": base64(&shown) })).await;
    assert_eq!(
        (&opened["page"], &opened["env_version"]),
        (&"pages/other/other".into(), &"trial".into())
    );
    // Number 1: 0 is in a session's hands, and was left to it.
    let found = new.admin("/v1/codes/1").await.ok();
    assert_eq!(found["url"], session.opened["code"]["url"]);
    let calls = wechat.see(&format!("calls?all&path={CODES}")).await;
    assert_eq!(calls.as_array().map(Vec::len), Some(15), "{calls}");
    // Of the old pictures only the one is left that is shown.
    let gone = async || {
        let left: BTreeSet<_> = pictures_in(pictures.path()).into_iter().collect();
        left.intersection(&before).count() == 1 && left.len() == 8
    };
    crate::support::within("old pictures to go", async { while !gone().await {} }).await;
    let url = held.opened["code"]["url"].as_str().expect("an address");
    let (_, name) = url.rsplit_once("/codes/").expect("a path");
    new.get(&format!("/codes/{name}")).await.is_image("image/jpeg");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
