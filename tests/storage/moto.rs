//! Moto's S3, which others wrote, in a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use saoma::codes::storage::{Storage, StorageError, StorageSettings};
use saoma::entropy::Entropy;
use serde::Deserialize;

const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/storage");

/// What its beginning tells.
#[derive(Deserialize)]
pub(crate) struct Moto {
    pub(crate) url: String,
    pub(crate) bucket: String,
    /// A user who may write, read and delete objects of the bucket, and nothing else.
    pub(crate) writer: Key,
    /// A user who may read them.
    pub(crate) reader: Key,
    #[serde(skip)]
    _process: Option<Child>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Key {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Moto {
    /// One that checks signatures and rights.
    pub(crate) fn strict() -> &'static Self {
        static STRICT: OnceLock<Moto> = OnceLock::new();
        STRICT.get_or_init(|| Self::start("strict"))
    }

    /// One that answers whoever asks.
    pub(crate) fn open() -> &'static Self {
        static OPEN: OnceLock<Moto> = OnceLock::new();
        OPEN.get_or_init(|| Self::start("open"))
    }

    fn start(mode: &str) -> Self {
        let python = crate::support::python::with("moto", &format!("{HERE}/requirements.txt"));
        let mut command = Command::new(python);
        command.arg(format!("{HERE}/moto_s3.py")).arg(mode);
        // It ends when our end of the pipe closes: with the tests, whatever becomes of them.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("python");
        let mut told = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut told).expect("read");
        let moto: Self = serde_json::from_str(&told).expect("moto says where it is");
        Self { _process: Some(process), ..moto }
    }

    /// The options of a key's owner.
    pub(crate) fn options(&self, key: &Key) -> BTreeMap<String, String> {
        [
            ("endpoint", &*self.url),
            ("bucket", &self.bucket),
            ("region", "us-east-1"),
            ("access_key_id", &key.access_key_id),
            ("secret_access_key", &key.secret_access_key),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }
}

pub(crate) async fn open(options: BTreeMap<String, String>) -> Result<Storage, StorageError> {
    let settings = StorageSettings {
        service: "s3".to_owned(),
        options,
        public_base_url: None,
        data_dir: PathBuf::new(),
    };
    Storage::open(settings, &Entropy::system()).await
}

/// A client that signs nothing.
pub(crate) async fn get(url: &str) -> reqwest::Response {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().expect("a client");
    client.get(url).send().await.expect("an answer")
}
