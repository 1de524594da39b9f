//! The folder of keys: one PKCS#8 PEM file a key, named by the day it was made.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use p256::SecretKey;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};

use crate::clock::Timestamp;
use crate::entropy::Entropy;

use super::TokenError;

/// The folder's keys in the order of their names, at least one.
pub(super) fn read_or_make(
    folder: &Path,
    entropy: &Entropy,
    now: Timestamp,
) -> Result<Vec<SecretKey>, TokenError> {
    let wrong = at(folder);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(&wrong)?;
    let keys = read(folder)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    // Of several servers that start at once on one folder, one makes the key and all use it.
    let lock = File::open(folder).map_err(&wrong)?;
    lock.lock().map_err(&wrong)?;
    let keys = read(folder)?;
    if !keys.is_empty() {
        return Ok(keys);
    }
    make(folder, entropy, now)?;
    // The new name must outlive a power cut, for tokens will be signed with it at once.
    lock.sync_all().map_err(&wrong)?;
    read(folder)
}

fn read(folder: &Path) -> Result<Vec<SecretKey>, TokenError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read_key(path)).collect()
}

fn read_key(path: &Path) -> Result<SecretKey, TokenError> {
    let mode = fs::metadata(path).map_err(at(path))?.permissions().mode();
    if mode & 0o077 != 0 {
        // Not refused: orchestrators mount secrets with the modes that they like.
        tracing::warn!(path = %path.display(), "the key can be read by others than its owner");
    }
    let pem = fs::read(path).map_err(at(path))?;
    let pem = str::from_utf8(&pem).map_err(|_| TokenError::NotAKey { path: path.to_owned() })?;
    SecretKey::from_pkcs8_pem(pem).map_err(|_| TokenError::NotAKey { path: path.to_owned() })
}

fn make(folder: &Path, entropy: &Entropy, now: Timestamp) -> Result<(), TokenError> {
    let text = now.to_string();
    let (day, _) = text.split_once('T').unwrap_or((&text, ""));
    let tail = u32::from_le_bytes(entropy.bytes());
    let path = folder.join(format!("{day}-{tail:08x}.pem"));
    let pem = draw(entropy).to_pkcs8_pem(LineEnding::LF).map_err(|_| TokenError::Signing)?;
    // Under another name until it is whole: half a key would stop every later start.
    let half = path.with_extension("part");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&half)
        .map_err(at(&half))?;
    file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&half))?;
    fs::rename(&half, &path).map_err(at(&path))?;
    tracing::info!(path = %path.display(), "made a key to sign tokens with");
    Ok(())
}

/// A key: 32 random bytes, drawn again in the rare case that they are no number below the
/// curve's order.
fn draw(entropy: &Entropy) -> SecretKey {
    loop {
        if let Ok(key) = SecretKey::from_slice(&entropy.bytes::<32>()) {
            return key;
        }
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> TokenError + use<> {
    let path: PathBuf = path.to_owned();
    move |source| TokenError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T00:00:00Z
    const TODAY: Timestamp = Timestamp(1_795_392_000_000);

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("listed");
        entries.map(|it| it.expect("read").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_first_start_makes_one_key_that_its_owner_alone_can_read() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("data/keys");
        read_or_make(&folder, &Entropy::system(), TODAY).expect("made");
        let names = names(&folder);
        assert_eq!(names.len(), 1);
        assert!(names[0].starts_with("2026-11-23-") && names[0].len() == 23, "{names:?}");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(&names[0]))), (0o700, 0o600));
    }

    #[test]
    fn servers_that_start_at_once_share_one_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = || read_or_make(folder.path(), &Entropy::system(), TODAY).expect("keys");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            starts.into_iter().flat_map(|it| it.join().expect("started")).collect()
        });
        assert_eq!(keys.len(), 8);
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_file_that_is_no_key_stops_the_start_and_is_not_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("x.pem"), "hunter2").expect("written");
        let error = read_or_make(folder.path(), &Entropy::system(), TODAY).expect_err("refused");
        let text = format!("{error} {error:?}");
        assert!(text.contains("x.pem: not a P-256") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn what_a_start_that_was_cut_off_left_is_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("2026-11-22-00000000.part"), "half").expect("written");
        assert_eq!(read_or_make(folder.path(), &Entropy::system(), TODAY).expect("made").len(), 1);
    }
}
