//! The simulator: a page of this server plays the mini program, and everybody is who they say
//! they are. For trying out and for tests; it is no security.

use std::fmt::Write;

use async_trait::async_trait;

use super::qr;
use crate::login::ports::{Identity, Image, ImageFormat, PortError, Provider, Stamp};
use crate::login::scene::Scene;

/// The provider's name, in the configuration, in identities and in tokens.
const NAME: &str = "simulator";

/// The longest name, in characters.
const LONGEST: usize = 64;

/// Plays WeChat. A login code is `sim:<name>`, always the same person for the same name.
#[derive(Clone, Debug)]
pub struct Simulator {
    public_url: String,
}

impl Simulator {
    /// The simulator of a server at an address that the phone can reach, with no slash at its
    /// end.
    #[must_use]
    pub fn new(public_url: String) -> Self {
        Self { public_url }
    }

    fn page(&self, scene: &Scene) -> String {
        format!("{}/phone/{}", self.public_url, segment(scene.as_str()))
    }
}

#[async_trait]
impl Provider for Simulator {
    fn name(&self) -> &'static str {
        NAME
    }

    fn content(&self, scene: &Scene) -> Option<String> {
        Some(self.page(scene))
    }

    fn stamp(&self) -> Option<Stamp> {
        let (account, env_version) = (String::new(), String::new());
        Some(Stamp { account, env_version, page: self.public_url.clone() })
    }

    async fn image(&self, scene: &Scene, format: ImageFormat) -> Result<Image, PortError> {
        qr::draw(&self.page(scene), format)
    }

    async fn identify(&self, login_code: &str, _: &Scene) -> Result<Identity, PortError> {
        let name = login_code
            .strip_prefix("sim:")
            .map(str::trim)
            .filter(|name| (1..=LONGEST).contains(&name.chars().count()))
            .filter(|name| !name.chars().any(char::is_control))
            .ok_or_else(|| {
                PortError::refused(format!(
                    "a login code of the simulator is sim:<name>, the name 1 to {LONGEST} characters"
                ))
            })?;
        Ok(Identity {
            provider: NAME.to_owned(),
            subject: name.to_owned(),
            account: None,
            union: None,
            name: Some(name.to_owned()),
            avatar_url: None,
        })
    }
}

/// A text as one segment of a URL's path (RFC 3986, section 3.3): all but the unreserved
/// characters encoded, so that a `/` or `?` of the scene stays in it.
fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::ports::Fault;

    fn simulator() -> Simulator {
        Simulator::new("http://192.0.2.1:3000".to_owned())
    }

    async fn identify(login_code: &str) -> Result<Identity, PortError> {
        simulator().identify(login_code, &Scene::parse("s").expect("a scene")).await
    }

    #[test]
    fn the_code_opens_the_page_of_its_scene() {
        let plain = Scene::parse("Zm9v_-1").expect("a scene");
        assert_eq!(
            simulator().content(&plain).as_deref(),
            Some("http://192.0.2.1:3000/phone/Zm9v_-1")
        );
        let odd = Scene::parse("a/b?c#d&e:f@g").expect("a scene");
        assert_eq!(
            simulator().content(&odd).as_deref(),
            Some("http://192.0.2.1:3000/phone/a%2Fb%3Fc%23d%26e%3Af%40g")
        );
    }

    #[tokio::test]
    async fn a_login_code_is_somebody_every_time_the_same() {
        let alice = identify("sim: Alice ").await.expect("somebody");
        assert_eq!(alice, identify("sim:Alice").await.expect("somebody"));
        assert_eq!((alice.provider.as_str(), alice.subject.as_str()), ("simulator", "Alice"));
        assert_eq!((alice.name.as_deref(), alice.avatar_url), (Some("Alice"), None));
        assert!(identify(&format!("sim:{}", "李".repeat(64))).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_login_code_is_refused() {
        let long = format!("sim:{}", "x".repeat(65));
        for bad in ["", "sim:", "sim:  ", "Alice", "SIM:Alice", "sim:a\0b", "sim:a\nb", &long] {
            let answer = identify(bad).await;
            assert!(answer.is_err_and(|error| error.fault == Fault::Refused), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn the_longest_scene_has_a_picture_in_both_formats() {
        let scene = Scene::parse(&"?".repeat(32)).expect("a scene");
        for (format, media_type) in
            [(ImageFormat::Png, "image/png"), (ImageFormat::Svg, "image/svg+xml")]
        {
            let image = simulator().image(&scene, format).await.expect("a picture");
            assert_eq!(image.media_type, media_type);
        }
    }
}
