//! Logins through the open platform: WeChat's own page shows the code, asks the person, and sends
//! the browser back.

use reqwest::header::HeaderMap;
use saoma::config::DirectoryRule;
use serde_json::{Value, json};

use crate::stub::{Reply, WEBSITE};
use crate::support::{Session, Tab, Via, namespace};
use crate::world::{GRANTS, PROFILES, World};

/// A browser with the cookies of one session that it opened.
struct Window {
    world: World,
    tab: Tab,
    cookie: String,
}

/// How the server answered a browser that came back.
struct Came {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Came {
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) {
        let said: Value = serde_json::from_str(&self.text).unwrap_or_default();
        assert_eq!((self.status, said["code"].as_str()), (status, Some(code)), "{}", self.text);
    }

    /// On to the page of the person, with what comes after its address's `#`.
    #[track_caller]
    fn goes_on(&self, session: &Session) -> String {
        assert_eq!(self.status, 303, "{}", self.text);
        let location = self.headers["location"].to_str().expect("a text");
        let (page, fragment) = location.split_once('#').expect("a fragment");
        assert_eq!(page, format!("../../../wechat/{}", session.scene));
        fragment.to_owned()
    }
}

impl Window {
    async fn with(via: Via, world: World) -> Self {
        let browser = world.server.browser(via).of("website");
        let answer = browser.tries_to_open().await;
        let cookies = answer.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.map(|it| it.to_str().expect("a text").to_owned());
        let cookie = cookies.nth(1).expect("a second cookie");
        assert!(cookie.contains("; Path=/v1/wechat/website/callback;"), "{cookie}");
        assert!(cookie.ends_with("; HttpOnly; SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let tab = browser.watches(browser.session_of(answer.is(201))).await;
        Self { world, tab, cookie }
    }

    async fn open() -> Self {
        Self::with(Via::LongPoll, World::new().await).await
    }

    /// What somebody decides on WeChat's page; where it sends the browser.
    async fn decides(&self, how: &str, person: Option<&str>) -> String {
        let address = self.tab.opened["code"]["content"].clone();
        let decision = json!({ "address": address, "person": person });
        let url = format!("{}/stub/website/{how}", self.world.wechat.base);
        let reply = Reply::of(self.world.wechat.client.post(url).json(&decision)).await;
        reply.location.expect("the browser is sent back")
    }

    async fn comes_back(&self, to: &str) -> Came {
        self.comes_back_as(to, &[("cookie", &self.cookie)]).await
    }

    async fn comes_back_as(&self, to: &str, headers: &[(&str, &str)]) -> Came {
        let ask = self.world.wechat.client.get(to);
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(*name, *value));
        let response = ask.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Came { status, headers, text: response.text().await.expect("a text") }
    }

    async fn logs_in(&mut self, person: &str) -> Value {
        let back = self.decides("allow", Some(person)).await;
        let fragment = self.comes_back(&back).await.goes_on(&self.tab);
        assert!(fragment.starts_with("phone_token="));
        self.tab.sees("scanned").await;
        let ticket = self.tab.sees_a_ticket().await;
        self.tab.redeem(&ticket).await.ok()["user"].clone()
    }
}

async fn a_login_from_page_to_token(via: Via) {
    let mut window = Window::with(via, World::new().await).await;
    let user = window.logs_in("wang").await;
    assert_eq!(user["provider"], "open_platform");
    window.tab.is_told_the_end().await;
}

#[tokio::test]
async fn a_login_over_websocket() {
    a_login_from_page_to_token(Via::WebSocket).await;
}

#[tokio::test]
async fn a_login_over_sse() {
    a_login_from_page_to_token(Via::Sse).await;
}

#[tokio::test]
async fn a_login_over_long_poll() {
    a_login_from_page_to_token(Via::LongPoll).await;
}

#[tokio::test]
async fn the_page_is_told_who_asks_and_where_to_come_back_to_in_a_window_and_in_a_frame() {
    let window = Window::open().await;
    let code = &window.tab.opened["code"];
    let parsed = |address: &Value| {
        let url = reqwest::Url::parse(address.as_str().expect("a text")).expect("an address");
        let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        (url, query)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let redirect_uri = format!("http://{}/v1/wechat/website/callback", window.world.server.address);
    let (url, query) = parsed(&code["content"]);
    assert_eq!((url.path(), url.fragment()), ("/connect/qrconnect", Some("wechat_redirect")));
    let expected = vec![
        pair("appid", WEBSITE),
        pair("redirect_uri", &redirect_uri),
        pair("response_type", "code"),
        pair("scope", "snsapi_login"),
        pair("state", &window.tab.scene),
    ];
    assert_eq!(query, expected);
    assert_eq!(code["media_type"], "text/html");
    let (url, query) = parsed(&code["url"]);
    assert_eq!(url.path(), "/connect/qrconnect");
    for wanted in [
        pair("appid", WEBSITE),
        pair("redirect_uri", &redirect_uri),
        pair("scope", "snsapi_login"),
        pair("state", &window.tab.scene),
        pair("login_type", "jssdk"),
        pair("self_redirect", "true"),
    ] {
        assert!(query.contains(&wanted), "{wanted:?}");
    }
    window.tab.get("code").await.is_problem(404, "no_picture");
}

#[tokio::test]
async fn name_and_picture_are_wechats_and_the_picture_is_fetched_by_https() {
    let mut window = Window::open().await;
    let wang = json!({
        "person": "wang", "nickname": "王五\u{7}", "headimgurl": "http://thirdwx.qlogo.cn/wang/132",
    });
    window.world.wechat.tell("people", wang).await;
    let user = window.logs_in("wang").await;
    assert_eq!(user["name"], "王五");
    assert_eq!(user["avatar_url"], "https://thirdwx.qlogo.cn/wang/132");
}

#[tokio::test]
async fn who_refuses_ends_the_session() {
    let mut window = Window::open().await;
    let back = window.decides("refuse", None).await;
    assert_eq!(window.comes_back(&back).await.goes_on(&window.tab), "rejected");
    window.tab.sees("rejected").await;
}

#[tokio::test]
async fn another_browser_does_not_log_this_one_in() {
    let mut window = Window::open().await;
    let back = window.decides("allow", Some("wang")).await;
    let (name, _) = window.cookie.split_once('=').expect("a pair");
    let other = Window::with(Via::LongPoll, World::new().await).await;
    let (_, secret) = other.cookie.split_once('=').expect("a pair");
    for cookie in ["", "a=b", &format!("{name}="), &format!("{name}={secret}"), &other.cookie] {
        let came = window.comes_back_as(&back, &[("cookie", cookie)]).await;
        came.is_problem(403, "wrong_browser");
    }
    assert_eq!(window.tab.state().await, "pending");
    assert_eq!(window.world.calls(GRANTS).await, 0, "the code is not spent");
    window.comes_back(&back).await.goes_on(&window.tab);
    window.tab.sees("scanned").await;
    window.tab.sees_a_ticket().await;
}

#[tokio::test]
async fn what_was_answered_is_not_answered_again() {
    let mut window = Window::open().await;
    let back = window.decides("allow", Some("wang")).await;
    window.comes_back(&back).await.goes_on(&window.tab);
    window.comes_back(&back).await.is_problem(409, "wrong_state");
    window.tab.sees("scanned").await;
    window.tab.sees_a_ticket().await;
    assert_eq!(window.world.calls(GRANTS).await, 1);
    // Nor by another's code, which is not spent, nor by a refusal.
    let others = window.decides("allow", Some("li")).await;
    window.comes_back(&others).await.is_problem(409, "wrong_state");
    assert_eq!(window.world.calls(GRANTS).await, 1);
    let (address, _) = back.split_once("code=").expect("a code");
    window
        .comes_back(&format!("{address}state={}", window.tab.scene))
        .await
        .is_problem(409, "wrong_state");
}

#[tokio::test]
async fn a_state_that_is_nobodys_or_another_namespaces_leads_nowhere() {
    let window = Window::open().await;
    let mini = window.world.opened().await;
    let at = |query: &str| {
        format!("http://{}/v1/wechat/website/callback{query}", window.world.server.address)
    };
    for (query, status, code) in [
        ("", 400, "bad_request"),
        ("?code=a", 400, "bad_request"),
        ("?code=a&state=", 400, "bad_scene"),
        ("?code=a&state=a%20b", 400, "bad_scene"),
        ("?code=a&state=nobodys", 404, "not_found"),
        (&format!("?code=a&state={}", mini.scene), 404, "not_found"),
        (&format!("?state={}", mini.scene), 404, "not_found"),
    ] {
        window.comes_back(&at(query)).await.is_problem(status, code);
    }
    let elsewhere = at("").replace("website", "account");
    let came = window.comes_back(&format!("{elsewhere}?code=a&state={}", window.tab.scene)).await;
    came.is_problem(404, "not_found");
    assert_eq!(
        (window.tab.state().await, mini.state().await),
        ("pending".into(), "pending".into())
    );
}

#[tokio::test]
async fn a_code_that_is_none_leaves_the_session_as_it_was() {
    let mut window = Window::open().await;
    let back = |code: &str| {
        let address = window.world.server.address;
        let scene = &window.tab.scene;
        format!("http://{address}/v1/wechat/website/callback?code={code}&state={scene}")
    };
    let long = "a".repeat(300);
    for code in ["made-up", "%00", "%E4%B8%AD", &*long] {
        window.comes_back(&back(code)).await.is_problem(422, "invalid_login_code");
    }
    let app = json!({ "appid": "wx00000000000000f6", "secret": "x", "kind": "website" });
    window.world.wechat.tell("apps", app).await;
    let content = window.tab.opened["code"]["content"].as_str().expect("a text");
    let page = content.replace(WEBSITE, "wx00000000000000f6");
    let decision = json!({ "address": page, "person": "wang" });
    let url = format!("{}/stub/website/allow", window.world.wechat.base);
    let foreign = Reply::of(window.world.wechat.client.post(url).json(&decision)).await.json();
    let foreign = back(foreign["code"].as_str().expect("a code"));
    window.comes_back(&foreign).await.is_problem(422, "invalid_login_code");
    assert_eq!(window.tab.state().await, "pending");
    window.logs_in("wang").await;
}

#[tokio::test]
async fn a_login_that_failed_at_wechat_can_be_tried_again_with_the_same_code() {
    for (api, fault, status, code) in [
        (GRANTS, json!({ "errcode": -1 }), 503, "wechat_busy"),
        (GRANTS, json!({ "html": true }), 502, "wechat_failed"),
        (GRANTS, json!({ "reset": "before" }), 503, "wechat_unavailable"),
        (GRANTS, json!({ "errcode": 40125 }), 502, "wechat_misconfigured"),
        (PROFILES, json!({ "errcode": -1 }), 503, "wechat_busy"),
        (PROFILES, json!({ "reset": "half" }), 503, "wechat_unavailable"),
    ] {
        let mut window = Window::open().await;
        let back = window.decides("allow", Some("wang")).await;
        window.world.wechat.breaks(api, fault).await;
        window.comes_back(&back).await.is_problem(status, code);
        assert_eq!(window.tab.state().await, "pending");
        window.world.heals().await;
        window.comes_back(&back).await.goes_on(&window.tab);
        window.tab.sees("scanned").await;
        window.tab.sees_a_ticket().await;
    }
}

#[tokio::test]
async fn who_it_was_is_known_by_the_unionid_even_if_wechat_does_not_tell_more() {
    let mut window = Window::open().await;
    window.world.wechat.set(WEBSITE, "open_platform", json!("the company")).await;
    window.world.wechat.breaks(PROFILES, json!({ "errcode": -1 })).await;
    window.logs_in("wang").await;
}

#[tokio::test]
async fn who_is_not_registered_can_sign_up_where_the_browser_lands() {
    let world = World::with(|config| namespace(config, "website").directory = DirectoryRule::Known);
    let mut window = Window::with(Via::LongPoll, world.await).await;
    let back = window.decides("allow", Some("wang")).await;
    let fragment = window.comes_back(&back).await.goes_on(&window.tab);
    window.tab.sees("scanned").await;
    window.tab.sees("unregistered").await;
    let token = fragment.strip_prefix("phone_token=").expect("a token");
    let page = window.tab.shows_the_code().with_token(token);
    page.register("Wang Wu").await.is(201);
    window.tab.sees("scanned").await;
    page.confirm().await.ok();
    let ticket = window.tab.sees_a_ticket().await;
    assert_eq!(window.tab.redeem(&ticket).await.ok()["user"]["name"], "Wang Wu");
}

#[tokio::test]
async fn nobody_scans_what_wechats_own_page_shows() {
    let window = Window::open().await;
    let body = json!({ "login_code": "whatever" });
    let answer = window.tab.shows_the_code().tries_to_scan(body).await;
    answer.is_problem(422, "invalid_login_code");
    assert_eq!(window.tab.state().await, "pending");
}

#[tokio::test]
async fn a_browser_that_navigates_is_shown_its_problem_as_a_page() {
    let window = Window::open().await;
    let back = window.decides("allow", Some("wang")).await;
    let browser = ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    // Without its cookie, as in a frame, it is sent here once more by ourselves.
    let came = window.comes_back_as(&back, &[browser]).await;
    assert_eq!(
        (came.status, &came.headers["content-type"]),
        (403, &"text/html; charset=utf-8".parse().expect("one"))
    );
    let refresh = came.text.split(r#"http-equiv="refresh" content="0;url="#).nth(1).expect("again");
    let again = refresh.split('"').next().expect("an end").replace("&amp;", "&");
    let (address, _) = back.split_once('?').expect("a query");
    let came = window.comes_back_as(&format!("{address}{again}"), &[browser]).await;
    assert!(came.status == 403 && !came.text.contains("refresh"), "only once");
    let again = format!("{address}{again}");
    let known = [browser, ("cookie", &*window.cookie)];
    window.comes_back_as(&again, &known).await.goes_on(&window.tab);
    // Whatever is in the address is a text there.
    let evil = format!("{address}?state=nobodys&code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    let came = window.comes_back_as(&evil, &[browser]).await;
    assert!(came.status == 404 && !came.text.contains("<script"), "{}", came.text);
}

#[tokio::test]
async fn a_guests_page_is_known_again_in_its_frame_and_where_browsers_allow_it_in_a_window() {
    let shop = "https://shop.example";
    let world = World::with(|config| {
        config.public_url = Some("https://login.example".to_owned());
        namespace(config, "website").origins =
            saoma::origin::Origin::parse(shop).into_iter().collect();
    });
    let world = world.await;
    for (headers, wanted) in [
        (&[("origin", shop)][..], &["None; Secure; Partitioned", "None; Secure"][..]),
        (&[], &["Lax; Secure"]),
    ] {
        let browser = world.server.browser(Via::LongPoll).of("website").with_headers(headers);
        let answer = browser.tries_to_open().await;
        let cookies = answer.headers.get_all("set-cookie").iter().skip(1);
        let reach = |it: &reqwest::header::HeaderValue| {
            let text = it.to_str().expect("a text").to_owned();
            text.split_once("SameSite=").expect("a reach").1.to_owned()
        };
        assert_eq!(cookies.map(reach).collect::<Vec<_>>(), wanted);
    }
}
