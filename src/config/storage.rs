//! `[storage]`: where the images of pooled codes go. Read only, until a version has pooled codes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Secret;
use super::forms;

/// A place for images, as opendal names it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// The opendal service: `fs`, `s3`, `cos`, `oss`, `obs` … `SAOMA_STORAGE_SERVICE`, default
    /// `fs`.
    pub service: String,
    /// Where browsers get the images from. `SAOMA_STORAGE_PUBLIC_BASE_URL`, default: this server.
    #[serde(deserialize_with = "forms::web_address")]
    pub public_base_url: Option<String>,
    /// The service's own options, as opendal names them; hidden, for there are keys among them.
    pub options: BTreeMap<String, Secret>,
}

impl Default for Storage {
    fn default() -> Self {
        Self { service: "fs".to_owned(), public_base_url: None, options: BTreeMap::new() }
    }
}
