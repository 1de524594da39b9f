//! Where pictures are kept: a folder of this machine, or an object storage, through opendal.

mod error;
mod folder;
mod services;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, TryStreamExt};
use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};
use opendal::options::WriteOptions;
use opendal::{ErrorKind, HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::redirect::Policy;
use tokio::time::timeout;

use super::picture::{self, LONGEST};
use crate::entropy::Entropy;
use crate::login::ports::Image;
pub use error::StorageError;
use error::{late, masked, told};
use folder::Folder;

/// A whole call, with all that is tried for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// One try.
const TRY: Duration = Duration::from_secs(4);
/// Further tries, where the trouble may pass. Each does the same again: a name is written once.
const RETRIES: usize = 2;
/// To make a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(3);

/// What browsers and what stands between may do with a picture: its name is never used again.
pub const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What a storage is made of.
pub struct StorageSettings {
    /// The service, as opendal names it.
    pub service: String,
    /// Its options, as opendal names them.
    pub options: BTreeMap<String, String>,
    /// Where browsers get the pictures from; none: from this server.
    pub public_base_url: Option<String>,
    /// The folder in which `fs` has its own, unless an option says another.
    pub data_dir: PathBuf,
}

/// Where pictures are kept. Cheap to clone.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    operator: Operator,
    /// The folder, if it is one.
    folder: Option<Folder>,
    /// The setting that is to blame when something cannot be done.
    blamed: &'static str,
    /// What is said before that.
    place: String,
    public_base_url: Option<String>,
    /// The options' values, so that no error repeats one.
    hidden: Vec<String>,
}

impl Storage {
    /// A storage that has taken an object, given it back and forgotten it.
    ///
    /// # Errors
    /// [`StorageError`] when a setting is wrong, or the storage cannot be written or read.
    pub async fn open(settings: StorageSettings, entropy: &Entropy) -> Result<Self, StorageError> {
        let StorageSettings { service, mut options, public_base_url, data_dir } = settings;
        let hidden: Vec<String> = options.values().cloned().collect();
        let (mut folder, mut blamed, mut place) = (None, "storage.service", service.clone());
        if service == "fs" {
            if let Some(unknown) = options.keys().find(|option| *option != "root") {
                return Err(StorageError::option(unknown, "fs has no option but `root`"));
            }
            let root = options.get("root").map(PathBuf::from);
            (blamed, place) = match &root {
                Some(_) => ("storage.options.root", "the folder".to_owned()),
                None => ("data_dir", data_dir.join("codes").display().to_string()),
            };
            let root = root.unwrap_or_else(|| data_dir.join("codes"));
            folder = Some(fs(&root, &mut options).map_err(|error| {
                StorageError::new(blamed, format!("{place} cannot be made: {error}"))
            })?);
        }
        let operator = services::service(&service, options)?;
        let http = client().map_err(|error| {
            StorageError::new("storage.service", format!("TLS cannot be had: {error}"))
        })?;
        let context = operator.context().with_http_transport(HttpTransporter::new(http));
        let mut operator = operator
            .with_context(context)
            .layer(TimeoutLayer::new().with_timeout(TRY).with_io_timeout(TRY));
        // What a disk says once it says again.
        if folder.is_none() {
            let retry = RetryLayer::new().with_max_times(RETRIES).with_jitter();
            let told = |event: RetryEvent<'_>| retried(event.err, event.attempt);
            operator = operator.layer(retry.with_notify(told));
        }
        let inner = Inner { operator, folder, blamed, place, public_base_url, hidden };
        let storage = Self(Arc::new(inner));
        storage.prove(entropy).await?;
        Ok(storage)
    }

    /// Makes sure that it can be used, before anything depends on it.
    async fn prove(&self, entropy: &Entropy) -> Result<(), StorageError> {
        let name = format!("probe-{}", picture::named(&picture::stem(entropy), "image/png"));
        let bytes = Bytes::copy_from_slice(&entropy.bytes::<32>());
        self.write(&name, "image/png", bytes.clone()).await?;
        let read = self.read(&name, |error| error == ErrorKind::NotFound).await?;
        self.delete(&name).await?;
        if read != Some(bytes) {
            let why = format!("{} does not give back what was written", self.0.place);
            return Err(StorageError::new(self.0.blamed, why));
        }
        if let Some(folder) = self.0.folder.clone() {
            self.on_the_disk(move || folder.sweep()).await?;
        }
        Ok(())
    }

    /// Keeps a picture under a name that was never used. When this returns, the picture is there,
    /// whatever happens to the machine.
    ///
    /// # Errors
    /// [`StorageError`]; nothing, or all of it, is there then.
    pub async fn put(&self, name: &str, image: &Image) -> Result<(), StorageError> {
        self.write(name, image.media_type, image.bytes.clone()).await
    }

    /// The picture of a name, if it is kept.
    ///
    /// # Errors
    /// [`StorageError`] when nobody can tell.
    pub async fn get(&self, name: &str) -> Result<Option<Image>, StorageError> {
        let Some(media_type) = picture::media_type_of(name) else { return Ok(None) };
        // Whoever may not list objects is not told either that there is none of a name. That what
        // is there can be read was seen at the start.
        let denied = |error| self.0.folder.is_none() && error == ErrorKind::PermissionDenied;
        let bytes = self.read(name, |it| it == ErrorKind::NotFound || denied(it)).await?;
        Ok(bytes.map(|bytes| Image { media_type, bytes }))
    }

    /// Forgets a picture; one that is not there is forgotten already.
    ///
    /// # Errors
    /// [`StorageError`]
    pub async fn delete(&self, name: &str) -> Result<(), StorageError> {
        self.within("deleted", self.0.operator.delete(name)).await
    }

    /// Where browsers get a picture from, if not from this server.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<String> {
        self.0.public_base_url.as_ref().map(|base| format!("{base}/{name}"))
    }

    async fn write(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<(), StorageError> {
        let operator = &self.0.operator;
        let keeps = operator.info().capability();
        let options = WriteOptions {
            content_type: keeps.write_with_content_type.then(|| media_type.to_owned()),
            cache_control: keeps.write_with_cache_control.then(|| FOR_EVER.to_owned()),
            ..WriteOptions::default()
        };
        let write = async {
            let mut writer = operator.writer_options(name, options).await?;
            let written = async {
                writer.write(bytes).await?;
                writer.close().await
            };
            let written = written.await.map(drop);
            if written.is_err() {
                // What is left of it is of no use; the first trouble is what is told.
                let _ = writer.abort().await;
            }
            written
        };
        self.within("written", write).await?;
        match self.0.folder.clone() {
            Some(folder) => self.on_the_disk(move || folder.sync()).await,
            None => Ok(()),
        }
    }

    /// What is under a name; none, if an error of this kind says that there is nothing.
    async fn read(
        &self,
        name: &str,
        absent: impl Fn(ErrorKind) -> bool,
    ) -> Result<Option<Bytes>, StorageError> {
        let read = async {
            let mut chunks = self.0.operator.reader(name).await?.into_stream(..).await?;
            let mut bytes = BytesMut::new();
            while let Some(chunk) = chunks.try_next().await? {
                if bytes.len() + chunk.len() > LONGEST {
                    // Somebody else has put there what is no picture of ours.
                    return Ok(None);
                }
                bytes.put(chunk);
            }
            Ok(Some(bytes.freeze()))
        };
        let read = read.map(|read| match read {
            Err(error) if absent(opendal::Error::kind(&error)) => Ok(None),
            other => other,
        });
        self.within("read", read).await
    }

    /// What a service says, in our words and within our patience.
    async fn within<T>(
        &self,
        done: &str,
        call: impl Future<Output = opendal::Result<T>>,
    ) -> Result<T, StorageError> {
        let why = match timeout(PATIENCE, call).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => told(&error),
            Err(_) => late(PATIENCE),
        };
        Err(self.failed(done, &why))
    }

    async fn on_the_disk(
        &self,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), StorageError> {
        let why = match timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => late(PATIENCE),
        };
        Err(self.failed("written", &why))
    }

    fn failed(&self, done: &str, why: &str) -> StorageError {
        let Inner { blamed, place, hidden, .. } = &*self.0;
        let why = format!("cannot be {done}: {why}");
        let why = masked(why, hidden.iter().map(String::as_str));
        StorageError::new(*blamed, format!("{place} {why}"))
    }
}

/// Says of itself where it is, and none of its options.
impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Storage").field(&self.0.place).finish()
    }
}

/// The folder, and what opendal is told of it.
fn fs(root: &Path, options: &mut BTreeMap<String, String>) -> io::Result<Folder> {
    let folder = Folder::make(root)?;
    let text = |path: &Path| path.to_str().map(str::to_owned);
    let no_text = || io::Error::other("its name is no Unicode");
    options.insert("root".to_owned(), text(root).ok_or_else(no_text)?);
    let partial = text(&folder.partial()).ok_or_else(no_text)?;
    options.insert("atomic_write_dir".to_owned(), partial);
    Ok(folder)
}

/// Said in our words: opendal would log all that a service answers.
fn retried(error: &opendal::Error, attempt: u32) {
    tracing::warn!(attempt, why = told(error), "storage.retried");
}

/// What speaks to a service. What a request was signed for goes nowhere else.
fn client() -> reqwest::Result<ReqwestTransport> {
    // Another part of the process may have chosen already; all of ours choose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().connect_timeout(CONNECT).redirect(Policy::none()).build()?;
    Ok(ReqwestTransport::new(client))
}

#[cfg(test)]
mod tests;
