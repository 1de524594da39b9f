//! What an official account is told of a person: `user/info`.

use serde_json::json;

use crate::api::Call;
use crate::apps::Kind;
use crate::clock::SECOND;
use crate::envelope::{Refusal, Reply, refuse};
use crate::people::unionid;
use crate::tokens::caller;
use crate::world::World;

/// `GET /cgi-bin/user/info`. Names and pictures have been empty since the end of 2021.
pub(crate) fn info(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let app = caller(world, call, Kind::OfficialAccount)?;
    if !app.verified {
        return Err(refuse(48001));
    }
    let openid = call.query("openid").filter(|openid| !openid.is_empty());
    let openid = openid.ok_or_else(|| refuse(41009))?;
    let person = world.followers.person(&app.appid, openid).ok_or_else(|| refuse(40003))?;
    let Some(following) = world.followers.following(&app.appid, openid) else {
        return Ok(Reply::Json(json!({ "subscribe": 0, "openid": openid, "tagid_list": [] })));
    };
    let key = |is_text| {
        let ticket = following.ticket.as_ref().filter(|ticket| ticket.is_text == is_text);
        ticket.map(|ticket| ticket.key.as_str())
    };
    let number = key(false).and_then(|key| key.parse::<u32>().ok());
    let mut info = json!({
        "subscribe": 1,
        "openid": openid,
        "nickname": "",
        "sex": 0,
        "language": "zh_CN",
        "city": "",
        "province": "",
        "country": "",
        "headimgurl": "",
        "subscribe_time": following.since / SECOND,
        "remark": "",
        "groupid": 0,
        "tagid_list": [],
        "subscribe_scene": following.way,
        "qr_scene": number.unwrap_or(0),
        "qr_scene_str": key(true).unwrap_or_default(),
    });
    if let Some(unionid) = unionid(&app, person) {
        info["unionid"] = unionid.into();
    }
    Ok(Reply::Json(info))
}
