//! A disk that is full, and one that may only be read.

use std::fs;
use std::path::{Path, PathBuf};

use saoma::codes::storage::{Storage, StorageError, StorageSettings};
use saoma::entropy::Entropy;

use crate::picture;
use crate::support::disk::{on_a_disk, remounted};

async fn open(disk: &Path) -> Result<Storage, StorageError> {
    let settings = StorageSettings {
        service: "fs".to_owned(),
        options: [].into(),
        public_base_url: None,
        data_dir: disk.to_owned(),
    };
    Storage::open(settings, &Entropy::system()).await
}

fn files(folder: PathBuf) -> usize {
    fs::read_dir(folder).expect("a folder").count()
}

fn told(disk: &Path, why: &str) -> String {
    format!("data_dir: {} cannot be written: {why}", disk.join("codes").display())
}

#[test]
fn a_full_disk_takes_nothing_and_keeps_no_half() {
    on_a_disk("512k", "disk::a_full_disk_takes_nothing_and_keeps_no_half", async |disk| {
        let storage = open(disk).await.expect("open");
        let (kept, image) = picture(200_000);
        storage.put(&kept, &image).await.expect("kept");

        let (name, too_much) = picture(400_000);
        let error = storage.put(&name, &too_much).await.expect_err("full").to_string();
        assert_eq!(error, told(disk, "No space left on device (os error 28)"));
        assert_eq!(storage.get(&name).await, Ok(None));
        assert_eq!(storage.get(&kept).await, Ok(Some(image.clone())));
        assert_eq!(files(disk.join("codes/.partial")), 0, "what could not be written is gone");

        let (small, image) = picture(1000);
        storage.put(&small, &image).await.expect("there is room for it");

        fs::write(disk.join("filler"), vec![0; 400_000]).expect_err("full");
        let error = open(disk).await.expect_err("a server that starts then").to_string();
        assert_eq!(error, told(disk, "No space left on device (os error 28)"));
    });
}

#[test]
fn a_disk_that_may_only_be_read_stops_the_start_and_goes_on_being_read() {
    let name = "disk::a_disk_that_may_only_be_read_stops_the_start_and_goes_on_being_read";
    on_a_disk("512k", name, async |disk| {
        let storage = open(disk).await.expect("open");
        let (kept, image) = picture(1000);
        storage.put(&kept, &image).await.expect("kept");
        assert!(remounted(disk, "ro"));

        let error = storage.put("x.png", &image).await.expect_err("read only").to_string();
        assert_eq!(error, told(disk, "Read-only file system (os error 30)"));
        assert_eq!(storage.get(&kept).await, Ok(Some(image)));
        let error = open(disk).await.expect_err("a server that starts then").to_string();
        assert_eq!(error, told(disk, "Read-only file system (os error 30)"));
    });
}
