//! stub
use crate::login::ports::Image;
use bytes::Bytes;
use std::path::PathBuf;
#[derive(Clone, Debug)]
pub struct Storage(PathBuf);
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct StorageError;
pub struct StorageSettings {
    pub service: String,
    pub options: std::collections::BTreeMap<String, String>,
    pub public_base_url: Option<String>,
    pub data_dir: PathBuf,
}
impl Storage {
    pub async fn open(s: StorageSettings) -> Result<Self, StorageError> {
        let p = s.data_dir.join("codes");
        std::fs::create_dir_all(&p).map_err(|_| StorageError)?;
        Ok(Self(p))
    }
    pub async fn put(&self, name: &str, image: &Image) -> Result<(), StorageError> {
        std::fs::write(self.0.join(name), &image.bytes).map_err(|_| StorageError)
    }
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, StorageError> {
        Ok(std::fs::read(self.0.join(name)).ok().map(Bytes::from))
    }
    pub async fn delete(&self, name: &str) -> Result<(), StorageError> {
        let _ = std::fs::remove_file(self.0.join(name));
        Ok(())
    }
    pub fn url(&self, _: &str) -> Option<String> {
        None
    }
}
