//! The storage that is a folder of this machine.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::*;

const PNG: &str = "image/png";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn open(&self, options: &[(&str, &str)]) -> Result<Storage, StorageError> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let settings = StorageSettings {
            service: "fs".to_owned(),
            options: options.iter().map(owned).collect(),
            public_base_url: None,
            data_dir: self.0.path().to_owned(),
        };
        Storage::open(settings, &Entropy::system()).await
    }

    /// What is in a folder, in order.
    fn files(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).expect("a folder");
        let name = |entry: io::Result<fs::DirEntry>| {
            entry.expect("an entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }
}

fn picture() -> (String, Image) {
    let image = Image { media_type: PNG, bytes: Bytes::from_static(b"\x89PNG and so on") };
    (picture::named(&picture::stem(&Entropy::system()), PNG), image)
}

#[tokio::test]
async fn what_is_kept_can_be_had_and_forgotten() {
    let home = Home::new();
    let storage = home.open(&[]).await.expect("open");
    let (name, image) = picture();
    assert_eq!(storage.get(&name).await, Ok(None));
    storage.put(&name, &image).await.expect("kept");
    assert_eq!(storage.get(&name).await, Ok(Some(image.clone())));
    let again = home.open(&[]).await.expect("open again");
    assert_eq!(again.get(&name).await, Ok(Some(image)));
    storage.delete(&name).await.expect("forgotten");
    assert_eq!(storage.get(&name).await, Ok(None));
    storage.delete(&name).await.expect("forgotten already");
}

#[tokio::test]
async fn the_folder_is_under_the_data_folder_and_its_owners_alone() {
    let home = Home::new();
    let storage = home.open(&[]).await.expect("open");
    let mode = |name| fs::metadata(home.path(name)).expect("made").permissions().mode() & 0o777;
    assert_eq!((mode("codes"), mode("codes/.partial")), (0o700, 0o700));
    assert_eq!(home.files("codes"), [".partial"], "the probe is gone");
    assert_eq!(home.files("codes/.partial"), [""; 0]);
    let (name, image) = picture();
    storage.put(&name, &image).await.expect("kept");
    assert_eq!(home.files("codes"), [".partial", &*name]);
    assert_eq!(fs::read(home.path("codes").join(name)).expect("a file"), image.bytes);
}

#[tokio::test]
async fn another_folder_may_be_chosen() {
    let home = Home::new();
    let root = home.path("elsewhere/codes");
    let storage = home.open(&[("root", root.to_str().expect("text"))]).await.expect("open");
    let (name, image) = picture();
    storage.put(&name, &image).await.expect("kept");
    assert!(root.join(name).exists() && !home.path("codes").exists());
}

#[tokio::test]
async fn an_option_that_nobody_reads_is_refused_before_anything_is_made() {
    let home = Home::new();
    for option in ["rot", "atomic_write_dir", "bucket"] {
        let error = home.open(&[(option, "hunter2")]).await.expect_err("refused");
        let expected = format!("storage.options.{option}: fs has no option but `root`");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(home.files("."), [""; 0]);
}

#[tokio::test]
async fn a_name_that_was_not_given_here_leads_to_no_file() {
    let home = Home::new();
    let storage = home.open(&[]).await.expect("open");
    fs::write(home.path("secret.png"), "x").expect("written");
    fs::write(home.path("codes/secret.png"), "x").expect("written");
    for name in ["secret.png", "../secret.png", "/etc/passwd", ".partial", "", "."] {
        assert_eq!(storage.get(name).await, Ok(None), "{name}");
    }
}

#[tokio::test]
async fn a_folder_that_is_a_file_is_told_by_its_setting() {
    let home = Home::new();
    fs::write(home.path("codes"), "x").expect("written");
    let error = home.open(&[]).await.expect_err("refused").to_string();
    let place = home.path("codes");
    let expected = format!("data_dir: {} cannot be made: ", place.display());
    assert!(error.starts_with(&expected), "{error}");
    let root = place.to_str().expect("text");
    let error = home.open(&[("root", root)]).await.expect_err("refused").to_string();
    assert!(error.starts_with("storage.options.root: the folder cannot be made: "), "{error}");
    assert!(!error.contains(root), "{error}");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not() {
    let home = Home::new();
    home.open(&[]).await.expect("open");
    let left = |name: &str, seconds| {
        let file = File::create(home.path("codes/.partial").join(name)).expect("made");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(then).expect("aged");
    };
    left("old", 1_000_000_000);
    File::create(home.path("codes/.partial/new")).expect("made");
    home.open(&[]).await.expect("open");
    assert_eq!(home.files("codes/.partial"), ["new"]);
}

#[tokio::test]
async fn the_pictures_address_is_under_the_public_one_if_there_is_one() {
    let home = Home::new();
    let open = async |base: Option<&str>| {
        let settings = StorageSettings {
            service: "fs".to_owned(),
            options: BTreeMap::new(),
            public_base_url: base.map(str::to_owned),
            data_dir: home.0.path().to_owned(),
        };
        Storage::open(settings, &Entropy::system()).await.expect("open").url("a.png")
    };
    assert_eq!(open(None).await, None);
    let there = open(Some("https://cdn.example/codes")).await;
    assert_eq!(there.as_deref(), Some("https://cdn.example/codes/a.png"));
}

#[tokio::test]
async fn what_is_longer_than_any_picture_is_not_read_to_its_end() {
    let home = Home::new();
    let storage = home.open(&[]).await.expect("open");
    let (name, _) = picture();
    fs::write(home.path("codes").join(&name), vec![0; LONGEST + 1]).expect("written");
    assert_eq!(storage.get(&name).await, Ok(None));
}
