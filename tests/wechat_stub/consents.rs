//! A website's login: the page with the code, what the person decides, what the website gets.

use serde_json::{Value, json};

use crate::stub::{MINI, Reply, SECRET, Stub, WEBSITE};

const BACK: &str = "http://shop.test:8080/back";

fn page<'a>(redirect_uri: &'a str, state: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("appid", WEBSITE),
        ("redirect_uri", redirect_uri),
        ("response_type", "code"),
        ("scope", "snsapi_login"),
        ("state", state),
    ]
}

async fn open(stub: &Stub, query: &[(&str, &str)]) -> Reply {
    stub.get("/connect/qrconnect", query).await
}

/// Decides as a browser's person; where the browser goes.
async fn decides(stub: &Stub, how: &str, decision: Value) -> Reply {
    let request = stub.client.post(format!("{}/stub/website/{how}", stub.base));
    Reply::of(request.json(&decision)).await
}

async fn code(stub: &Stub, person: &str) -> String {
    open(stub, &page(BACK, "s")).await.text();
    let told = decides(stub, "allow", json!({ "state": "s", "person": person })).await;
    told.json()["code"].as_str().expect("a code").to_owned()
}

async fn exchange_as(stub: &Stub, appid: &str, code: &str) -> Reply {
    let query = [
        ("appid", appid),
        ("secret", SECRET),
        ("code", code),
        ("grant_type", "authorization_code"),
    ];
    stub.get("/sns/oauth2/access_token", &query).await
}

async fn exchange(stub: &Stub, code: &str) -> Reply {
    exchange_as(stub, WEBSITE, code).await
}

async fn refresh(stub: &Stub, appid: &str, token: &Value) -> Reply {
    let token = token.as_str().expect("a token");
    let query = [("appid", appid), ("grant_type", "refresh_token"), ("refresh_token", token)];
    stub.get("/sns/oauth2/refresh_token", &query).await
}

async fn of_person(stub: &Stub, path: &str, access: &Value, openid: &Value) -> Reply {
    let access = access.as_str().expect("a token");
    let openid = openid.as_str().expect("an openid");
    stub.get(path, &[("access_token", access), ("openid", openid)]).await
}

#[tokio::test]
async fn the_page_shows_who_asks_and_whoever_allows_it_goes_back_with_a_code() {
    let stub = Stub::start().await;
    let query = page("http://shop.test/back?a=1&b=</script>", "x&y</script>");
    let reply = open(&stub, &query).await;
    assert_eq!((reply.status, &*reply.content_type), (200, "text/html; charset=utf-8"));
    let text = reply.text();
    assert!(
        text.contains(WEBSITE) && text.contains("http://shop.test/back?a=1&amp;b=&lt;/script>")
    );
    assert!(text.contains("x&amp;y&lt;/script>") && text.matches("</script>").count() == 1);
    let (_, rest) = text.split_once("/connect/qrcode/").expect("a picture");
    let uuid = &rest[..16];
    let picture = stub.get(&format!("/connect/qrcode/{uuid}"), &[]).await;
    assert_eq!(picture.content_type, "image/jpeg");
    image::load_from_memory(&picture.body).expect("a picture that decodes");
    let poll = async || stub.get("/connect/l/qrconnect", &[("uuid", uuid)]).await.text().to_owned();
    assert_eq!(poll().await, "window.wx_errcode=408;window.wx_code='';");
    let told = decides(&stub, "allow", json!({ "uuid": uuid, "person": "Ann" })).await;
    let code = told.json()["code"].as_str().expect("a code").to_owned();
    let expected =
        format!("http://shop.test/back?a=1&b=</script>&code={code}&state=x%26y%3C%2Fscript%3E");
    assert_eq!((told.status, told.location.as_deref()), (302, Some(&*expected)));
    assert_eq!(poll().await, format!("window.wx_errcode=405;window.wx_code='{code}';"));
    // A page is decided about once.
    let again = decides(&stub, "refuse", json!({ "uuid": uuid })).await;
    assert_eq!((again.status, &again.json()["stub_error"]), (400, &json!("decided already")));
}

#[tokio::test]
async fn the_whole_address_may_be_given_to_the_person() {
    let stub = Stub::start().await;
    let address = format!(
        "https://open.weixin.qq.com/connect/qrconnect?appid={WEBSITE}&redirect_uri=http%3A%2F%2F\
         shop.test%3A8080%2Fback&response_type=code&scope=snsapi_login&state=s#wechat_redirect"
    );
    let told = decides(&stub, "allow", json!({ "address": address, "person": "Ann" })).await;
    let location = told.location.expect("a way back");
    assert!(location.starts_with(&format!("{BACK}?code=0")) && location.ends_with("&state=s"));
}

#[tokio::test]
async fn the_page_may_be_in_a_frame() {
    let stub = Stub::start().await;
    let script = stub.get("/connect/zh_CN/htmledition/js/wxLogin.js", &[]).await;
    assert_eq!(script.content_type, "text/javascript");
    assert!(script.text().contains("&login_type=jssdk&self_redirect="));
    // The script does not say which response it wants.
    let mut query = page(BACK, "s");
    query.retain(|(name, _)| *name != "response_type");
    assert!(open(&stub, &query).await.text().contains("response_type 参数错误"));
    for (itself, shown) in [("true", "true"), ("false", "false"), ("default", "false")] {
        let mut query = query.clone();
        query.extend([("login_type", "jssdk"), ("self_redirect", itself)]);
        let text = open(&stub, &query).await.text().to_owned();
        assert!(text.contains(&format!("\"itself\":{shown}")), "{text}");
    }
}

#[tokio::test]
async fn who_refuses_goes_back_without_a_code_or_nowhere() {
    let stub = Stub::start().await;
    open(&stub, &page(BACK, "s")).await.text();
    let told = decides(&stub, "refuse", json!({ "state": "s" })).await;
    assert_eq!((told.status, told.location), (302, Some(format!("{BACK}?state=s"))));
    stub.set(WEBSITE, "at_refusal", json!("stay")).await;
    open(&stub, &page(BACK, "s")).await.text();
    let told = decides(&stub, "refuse", json!({ "state": "s" })).await;
    assert_eq!((told.status, &told.json()["location"]), (200, &Value::Null));
}

#[tokio::test]
async fn a_page_with_a_mistake_in_its_address_asks_nobody() {
    let stub = Stub::start().await;
    stub.set(WEBSITE, "domain", json!("shop.test")).await;
    for (name, value, fault) in [
        ("appid", "wx0", "AppID"),
        ("appid", MINI, "AppID"),
        ("redirect_uri", "http://evil.test/", "redirect_uri"),
        ("redirect_uri", "http://shop.test.evil.test/", "redirect_uri"),
        ("redirect_uri", "javascript:alert(1)", "redirect_uri"),
        ("response_type", "token", "response_type"),
        ("scope", "snsapi_userinfo", "Scope"),
    ] {
        let mut query = page(BACK, "s");
        query.iter_mut().filter(|(n, _)| *n == name).for_each(|pair| pair.1 = value);
        let reply = open(&stub, &query).await;
        assert!(reply.status == 200 && reply.text().contains("参数错误"), "{name}");
        assert!(reply.text().contains(fault), "{}", reply.text());
    }
    let told = decides(&stub, "allow", json!({ "state": "s", "person": "Ann" })).await;
    assert_eq!(told.json()["stub_error"], "no such page");
    stub.set(WEBSITE, "domain", Value::Null).await;
    assert!(open(&stub, &page("javascript:alert(1)", "s")).await.text().contains("参数错误"));
    assert!(open(&stub, &page(BACK, "s")).await.text().contains("qrcode"));
    stub.forward(300).await;
    let told = decides(&stub, "allow", json!({ "state": "s", "person": "Ann" })).await;
    assert_eq!(told.json()["stub_error"], "the page is too old");
}

#[tokio::test]
async fn a_code_works_once_and_for_ten_minutes() {
    let stub = Stub::start().await;
    let first = code(&stub, "Ann").await;
    stub.forward(599).await;
    let reply = exchange(&stub, &first).await;
    assert_eq!(reply.content_type, "text/plain");
    let body = reply.ok();
    assert_eq!((&body["expires_in"], &body["scope"]), (&json!(7200), &json!("snsapi_login")));
    assert!(body["openid"].as_str().is_some_and(|openid| openid.len() == 28));
    assert!(body.get("unionid").is_none() && body.get("errcode").is_none());
    exchange(&stub, &first).await.refuses(40163, "code been used, rid: ");
    for (old_code, text) in [(40029, "invalid code, rid: "), (42003, "oauth_code expired, rid: ")] {
        stub.set(WEBSITE, "old_code", json!(old_code)).await;
        let old = code(&stub, "Ann").await;
        stub.forward(600).await;
        exchange(&stub, &old).await.refuses(old_code, text);
    }
    exchange(&stub, "nonsense").await.refuses(40029, "invalid code, rid: ");
    let other = json!({ "appid": "wx1", "secret": SECRET, "kind": "website" });
    stub.tell("apps", other).await;
    let third = code(&stub, "Ann").await;
    exchange_as(&stub, "wx1", &third).await.refuses(40029, "invalid code, rid: ");
    exchange_as(&stub, MINI, &third).await.refuses(48001, "api unauthorized, rid: ");
    exchange(&stub, &third).await.ok();
}

#[tokio::test]
async fn a_person_is_known_by_name_and_by_unionid() {
    let stub = Stub::start().await;
    stub.set(WEBSITE, "open_platform", json!("shop")).await;
    stub.set(MINI, "open_platform", json!("shop")).await;
    stub.tell("people", json!({ "person": "Ann", "nickname": "安", "headimgurl": "http://a/b" }))
        .await;
    let got = exchange(&stub, &code(&stub, "Ann").await).await.ok();
    let reply = of_person(&stub, "/sns/userinfo", &got["access_token"], &got["openid"]).await;
    assert_eq!(reply.content_type, "text/plain");
    let info = reply.ok();
    assert_eq!((&info["nickname"], &info["headimgurl"]), (&json!("安"), &json!("http://a/b")));
    assert_eq!((&info["openid"], &info["privilege"]), (&got["openid"], &json!([])));
    let there = stub.tell("who", json!({ "appid": MINI, "person": "Ann" })).await;
    assert!(there["unionid"].is_string());
    assert_eq!((&info["unionid"], &got["unionid"]), (&there["unionid"], &there["unionid"]));
    assert_ne!(info["openid"], there["openid"]);
}

#[tokio::test]
async fn a_token_is_for_one_person_and_two_hours() {
    let stub = Stub::start().await;
    let got = exchange(&stub, &code(&stub, "Ann").await).await.ok();
    let (access, openid) = (&got["access_token"], &got["openid"]);
    for path in ["/sns/auth", "/sns/userinfo"] {
        of_person(&stub, path, access, openid).await.ok();
        of_person(&stub, path, access, &json!("o-other")).await.refuses(40003, "invalid openid, ");
        of_person(&stub, path, &json!("x"), openid).await.refuses(40014, "invalid access_token, ");
        // The app's own token is another thing.
        let own = json!(stub.token(WEBSITE).await);
        of_person(&stub, path, &own, openid).await.refuses(40001, "invalid credential, ");
        of_person(&stub, path, &json!(""), openid).await.refuses(41001, "access_token missing, ");
    }
    stub.forward(7200).await;
    of_person(&stub, "/sns/auth", access, openid).await.refuses(42001, "access_token expired, ");
}

#[tokio::test]
async fn refreshing_prolongs_what_works_and_replaces_what_does_not() {
    let stub = Stub::start().await;
    let got = exchange(&stub, &code(&stub, "Ann").await).await.ok();
    stub.forward(7199).await;
    let same = refresh(&stub, WEBSITE, &got["refresh_token"]).await.ok();
    assert_eq!(same["access_token"], got["access_token"]);
    stub.forward(7199).await;
    of_person(&stub, "/sns/auth", &got["access_token"], &got["openid"]).await.ok();
    stub.forward(1).await;
    let next = refresh(&stub, WEBSITE, &got["refresh_token"]).await.ok();
    assert_ne!(next["access_token"], got["access_token"]);
    of_person(&stub, "/sns/auth", &next["access_token"], &got["openid"]).await.ok();
    refresh(&stub, WEBSITE, &json!("x")).await.refuses(40030, "invalid refresh_token, rid: ");
    let other = json!({ "appid": "wx1", "secret": SECRET, "kind": "website" });
    stub.tell("apps", other).await;
    refresh(&stub, "wx1", &got["refresh_token"]).await.refuses(40030, "invalid refresh_token");
    stub.forward(30 * 24 * 3600).await;
    refresh(&stub, WEBSITE, &got["refresh_token"]).await.refuses(40030, "invalid refresh_token");
}
