//! Fresh: every session gets a scene of its own, and the provider makes its code then.

use async_trait::async_trait;

use super::picture::media_type_of;
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::login::ports::{Image, Listed, Numbered, Numbering, PictureAt, PortError};
use crate::login::scene::Scene;

/// Draws a scene for each session.
#[derive(Clone, Debug)]
pub struct Fresh(pub Entropy);

#[async_trait]
impl Numbering for Fresh {
    async fn next(&self, _: Timestamp) -> Result<(Scene, Option<Numbered>), PortError> {
        Ok((Scene::random(&self.0), None))
    }

    async fn give_back(&self, _: &Numbered) {}

    fn ended(&self, _: &Numbered) {}

    fn picture_at(&self, name: &str) -> PictureAt {
        let media_type = media_type_of(name).unwrap_or_default();
        PictureAt { name: name.into(), url: None, media_type }
    }

    async fn picture(&self, _: &str) -> Result<Option<Image>, PortError> {
        Ok(None)
    }

    async fn look_up(&self, _: u64) -> Result<Option<Listed>, PortError> {
        Ok(None)
    }
}
