//! The link that a scanner is written: its address, and the login code in it, which says by our
//! own signature who was told of which code, and until when. Any instance can read it; nothing is
//! kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::account::AppSecret;
use crate::clock::Timestamp;
use crate::login::scene::Scene;

/// What the account's secret is used for here, and nowhere else.
const PURPOSE: &[u8] = b"saoma login code of a link";

/// Makes links and reads their login codes.
pub(super) struct Links {
    mac: Hmac<Sha256>,
    public_url: String,
}

impl Links {
    /// The links of an account to a server. None if the secret cannot be a key.
    pub(super) fn new(secret: &AppSecret, public_url: String) -> Option<Self> {
        let mut key = Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).ok()?;
        key.update(PURPOSE);
        let key = key.finalize().into_bytes();
        Some(Self { mac: Hmac::new_from_slice(&key).ok()?, public_url })
    }

    /// Where somebody of this openid says yes or no. The login code is in the fragment: browsers
    /// keep it to themselves, and no log has it.
    pub(super) fn link(&self, openid: &str, scene: &Scene, until: Timestamp) -> String {
        let until = until.unix_seconds();
        let tag = self.tagged(openid, scene, until).finalize().into_bytes();
        let tag = URL_SAFE_NO_PAD.encode(tag);
        let page: String =
            form_urlencoded::byte_serialize(scene.as_str().as_bytes()).collect::<String>();
        // A space is no character of a scene, so form encoding is percent-encoding.
        format!("{}/wechat/{page}#login_code={until}.{openid}.{tag}", self.public_url)
    }

    /// The openid of a login code that we made for this scene and that is still good.
    pub(super) fn openid(&self, code: &str, scene: &Scene, now: Timestamp) -> Option<String> {
        let [until, openid, tag] = code.splitn(3, '.').collect::<Vec<_>>().try_into().ok()?;
        let until: u64 = until.parse().ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        // Compares in the same time whatever the answer.
        self.tagged(openid, scene, until).verify_slice(&tag).ok()?;
        (now.unix_seconds() <= until).then(|| openid.to_owned())
    }

    fn tagged(&self, openid: &str, scene: &Scene, until: u64) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        // Neither has a NUL in it.
        for part in [openid, "\0", scene.as_str(), "\0", &until.to_string()] {
            mac.update(part.as_bytes());
        }
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(secret: &str) -> Links {
        Links::new(&AppSecret(secret.to_owned()), "https://login.example".to_owned()).expect("key")
    }

    fn scene(text: &str) -> Scene {
        Scene::parse(text).expect("a scene")
    }

    const UNTIL: Timestamp = Timestamp(1_000_000);

    fn code(links: &Links) -> String {
        let link = links.link("oWang_-1", &scene("abc"), UNTIL);
        let (page, code) = link.split_once("#login_code=").expect("a code");
        assert_eq!(page, "https://login.example/wechat/abc");
        code.to_owned()
    }

    #[test]
    fn a_code_says_who_was_told_of_which_scene() {
        let links = links("hunter2");
        let code = code(&links);
        assert!(code.len() < 256, "{code}");
        assert_eq!(links.openid(&code, &scene("abc"), UNTIL).as_deref(), Some("oWang_-1"));
    }

    #[test]
    fn a_code_is_good_for_its_scene_its_time_and_its_account_only() {
        let ours = links("hunter2");
        let code = code(&ours);
        assert_eq!(ours.openid(&code, &scene("abd"), UNTIL), None);
        assert_eq!(ours.openid(&code, &scene("abc"), Timestamp(1_001_000)), None);
        assert_eq!(links("hunter3").openid(&code, &scene("abc"), UNTIL), None);
    }

    #[test]
    fn a_code_that_was_changed_anywhere_is_none() {
        let links = links("hunter2");
        let code = code(&links);
        let changed = (0..code.len()).map(|at| {
            let other = if &code[at..=at] == "A" { "B" } else { "A" };
            format!("{}{other}{}", &code[..at], &code[at + 1..])
        });
        let odd = ["", ".", "..", "1.o", "x.oWang.AAAA", "1000.oWang_-1."].map(str::to_owned);
        for bad in changed.chain(odd) {
            // The last character says two bits more than the tag has; base64 refuses them itself.
            assert_eq!(links.openid(&bad, &scene("abc"), UNTIL), None, "{bad}");
        }
    }

    #[test]
    fn a_scene_stays_one_part_of_the_path() {
        let link = links("s").link("o", &scene("a/b?c#d&e+f"), UNTIL);
        assert!(link.starts_with("https://login.example/wechat/a%2Fb%3Fc%23d%26e%2Bf#"), "{link}");
    }
}
