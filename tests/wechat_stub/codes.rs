//! Mini-program codes: the rules of `getwxacodeunlimit`, its pictures, what a scan leads to.

use image::ImageFormat;
use serde_json::{Value, json};

use crate::stub::{MINI, Reply, SECRET, Stub};

const PATH: &str = "/wxa/getwxacodeunlimit";
const HOME: &str = "pages/index/index";

async fn code(stub: &Stub, body: Value) -> Reply {
    stub.post(PATH, &stub.token(MINI).await, body).await
}

#[track_caller]
fn is_picture(reply: &Reply, media_type: &str, format: ImageFormat, width: u32) {
    assert_eq!(reply.content_type, media_type, "{}", String::from_utf8_lossy(&reply.body));
    assert_eq!(reply.status, 200);
    assert_eq!(image::guess_format(&reply.body).expect("a picture"), format);
    let picture = image::load_from_memory(&reply.body).expect("a picture that decodes");
    assert_eq!((picture.width(), picture.height()), (width, width));
}

#[tokio::test]
async fn a_code_is_a_jpeg_that_decodes_and_an_error_is_json() {
    let stub = Stub::start().await;
    let reply = code(&stub, json!({ "scene": "abc", "page": HOME })).await;
    assert_eq!(reply.body[..4], [0xff, 0xd8, 0xff, 0xe0]);
    is_picture(&reply, "image/jpeg", ImageFormat::Jpeg, 430);
    let reply = code(&stub, json!({ "scene": "abc", "width": 280 })).await;
    is_picture(&reply, "image/jpeg", ImageFormat::Jpeg, 280);
    let reply = code(&stub, json!({ "scene": "" })).await;
    assert_eq!(reply.content_type, "application/json; encoding=utf-8");
    reply.refuses(40169, "invalid length for scene, or the data is not json string rid: ");
}

#[tokio::test]
async fn a_transparent_code_is_a_png_whatever_it_is_called() {
    let stub = Stub::start().await;
    let asked = json!({ "scene": "abc", "is_hyaline": true });
    is_picture(&code(&stub, asked.clone()).await, "image/png", ImageFormat::Png, 430);
    stub.set(MINI, "hyaline_type", json!("image/jpeg")).await;
    let reply = code(&stub, asked).await;
    is_picture(&reply, "image/jpeg", ImageFormat::Png, 430);
    // The comment is a chunk like all others: a length, a name, the data, a sum.
    let (_, chunk) = reply.body.split_at(8 + 25);
    let end = 8 + usize::from(u16::from_be_bytes([chunk[2], chunk[3]]));
    assert_eq!(&chunk[4..8], b"tEXt");
    let mut sum = flate2::Crc::new();
    sum.update(&chunk[4..end]);
    assert_eq!(chunk[end..end + 4], sum.sum().to_be_bytes());
}

#[tokio::test]
async fn a_scene_is_one_to_thirty_two_visible_characters() {
    let stub = Stub::start().await;
    let all = "!#$&'()*+,/:;=?@-._~";
    let longest = "x".repeat(32);
    for scene in [all, &longest, "0", "p1=v1&p2=v2"] {
        let reply = code(&stub, json!({ "scene": scene })).await;
        assert_eq!(reply.content_type, "image/jpeg", "{scene}");
    }
    let too_long = "x".repeat(33);
    let uuid = "4f6e3f0e-1a57-4b8e-9c39-2d1f6c7a8b90";
    for scene in [json!(too_long), json!(uuid), json!(""), json!(7), json!(null)] {
        code(&stub, json!({ "scene": scene })).await.refuses(40169, "invalid length for scene");
    }
    code(&stub, json!({ "page": HOME })).await.refuses(40169, "invalid length for scene");
    for scene in ["a%20b", "a b", "a\"b", "扫码", "a|b", "a\nb"] {
        code(&stub, json!({ "scene": scene })).await.refuses(40129, "");
    }
}

#[tokio::test]
async fn a_page_must_be_published_unless_nobody_checks() {
    let stub = Stub::start().await;
    stub.set(MINI, "pages", json!([HOME, "pages/wsLogin/wsLogin"])).await;
    let asks = async |page: &str, more: Value| {
        let mut body = json!({ "scene": "a", "page": page });
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap());
        code(&stub, body).await
    };
    let page = "pages/wsLogin/wsLogin";
    assert_eq!(asks(page, json!({})).await.content_type, "image/jpeg");
    for wrong in ["/pages/wsLogin/wsLogin", "pages/wsLogin/wsLogin?a=1", "pages/none/none"] {
        asks(wrong, json!({})).await.refuses(41030, "invalid page");
    }
    // Which version is to be opened does not change what is checked.
    asks("pages/none/none", json!({ "env_version": "trial" })).await.refuses(41030, "invalid page");
    let unchecked = json!({ "check_path": false });
    assert_eq!(asks("pages/none/none", unchecked.clone()).await.content_type, "image/jpeg");
    asks("/pages/none/none", unchecked.clone()).await.refuses(41030, "invalid page");
    asks("pages/a?scancode_time=1", unchecked.clone()).await.refuses(85096, "not allow include");
    stub.set(MINI, "limits", json!({ "unpublished_pages": 1 })).await;
    assert_eq!(asks("pages/none/none", unchecked.clone()).await.content_type, "image/jpeg");
    asks("pages/other/other", unchecked).await.refuses(40097, "invalid args");
    // What was never published has no home.
    stub.set(MINI, "pages", json!([])).await;
    code(&stub, json!({ "scene": "a" })).await.refuses(41030, "invalid page");
}

#[tokio::test]
async fn other_arguments_have_their_types_and_bounds() {
    let stub = Stub::start().await;
    for (name, good) in [
        ("env_version", json!("develop")),
        ("width", json!(1280)),
        ("auto_color", json!(true)),
        ("line_color", json!({ "r": 0, "g": 128, "b": 255 })),
        ("line_color", json!({ "r": "0", "g": "128", "b": "255" })),
    ] {
        let reply = code(&stub, json!({ "scene": "a", name: good })).await;
        assert_eq!(reply.content_type, "image/jpeg", "{name}");
    }
    for (name, bad) in [
        ("env_version", json!("production")),
        ("width", json!(279)),
        ("width", json!(1281)),
        ("width", json!("430")),
        ("auto_color", json!("true")),
        ("is_hyaline", json!(1)),
        ("line_color", json!("black")),
        ("line_color", json!({ "r": 256 })),
        ("line_color", json!({ "r": "red" })),
    ] {
        code(&stub, json!({ "scene": "a", name: bad })).await.refuses(40097, "invalid args");
    }
    let token = stub.token(MINI).await;
    stub.get(PATH, &[("access_token", &token)]).await.refuses(43002, "require POST method");
    stub.post_text(PATH, &token, "").await.refuses(44002, "empty post data");
    stub.post_text(PATH, &token, "scene=a").await.refuses(47001, "data format error");
}

#[tokio::test]
async fn a_minute_has_five_thousand_codes() {
    let stub = Stub::start().await;
    let shown = stub.see("apps").await;
    assert_eq!(shown[MINI]["limits"]["codes_per_minute"], 5000);
    stub.set(MINI, "limits", json!({ "codes_per_minute": 2 })).await;
    // From the beginning of a minute.
    let now = stub.see("clock").await["now_ms"].as_u64().expect("a time") / 1000;
    stub.forward(60 - now % 60).await;
    for _ in 0..2 {
        assert_eq!(code(&stub, json!({ "scene": "a" })).await.content_type, "image/jpeg");
    }
    stub.forward(58).await;
    code(&stub, json!({ "scene": "a" })).await.refuses(45009, "reach max api");
    // Another app has its own.
    let other = json!({ "appid": "wx1", "secret": SECRET, "kind": "mini_program" });
    stub.tell("apps", other).await;
    stub.set("wx1", "limits", json!({ "codes_per_minute": 1 })).await;
    let reply = stub.post(PATH, &stub.token("wx1").await, json!({ "scene": "a" })).await;
    assert_eq!(reply.content_type, "image/jpeg");
    stub.forward(2).await;
    assert_eq!(code(&stub, json!({ "scene": "a" })).await.content_type, "image/jpeg");
}

#[tokio::test]
async fn a_scan_opens_the_page_with_the_scene_encoded() {
    let stub = Stub::start().await;
    let asked = json!({
        "scene": "p1=v1&p2=(a+b)~", "page": HOME, "env_version": "trial", "is_hyaline": true,
    });
    let picture = code(&stub, asked).await.body;
    code(&stub, json!({ "scene": "another" })).await.ok_picture();
    let request = stub.client.post(format!("{}/stub/scan?entry=long_press", stub.base));
    let opened = Reply::of(request.header("content-type", "image/png").body(picture)).await.ok();
    let expected = json!({
        "appid": MINI,
        "page": HOME,
        "query": { "scene": "p1%3Dv1%26p2%3D(a%2Bb)~" },
        "path": "pages/index/index?scene=p1%3Dv1%26p2%3D(a%2Bb)~",
        "entry_scene": 1048,
        "env_version": "trial",
        "page_exists": true,
    });
    assert_eq!(opened, expected);
    // By its scene it is found, too, and by the camera if nothing else is said.
    let opened = stub.tell("scan", json!({ "appid": MINI, "scene": "another" })).await;
    assert_eq!(
        (&opened["query"]["scene"], &opened["entry_scene"]),
        (&json!("another"), &json!(1047))
    );
    let made = stub.see(&format!("codes?appid={MINI}")).await;
    assert_eq!(made[1]["scene"], "another");
}

impl Reply {
    #[track_caller]
    fn ok_picture(&self) {
        is_picture(self, "image/jpeg", ImageFormat::Jpeg, 430);
    }
}
