//! A disk that fills up, and one that may only be read: no code is free without its picture, sessions
//! are opened as before, and no number is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use saoma::config::Pool;
use serde_json::json;

use crate::place::{codes, whole};
use crate::refusals::{POOL, refused, start};
use crate::support::disk::{on_a_disk, remounted};
use crate::support::within;
use crate::world::{CODES, SMALL, World, folder, pictures_in, shared, wechat};

/// More codes than are made before something happens to the disk.
const SIZE: u32 = 24;
const BEFORE: usize = 10;
/// More sessions than there are codes then.
const SESSIONS: usize = 16;

/// A server whose pool was not full when this happened to its disk.
async fn world(database: &str, pictures: &Path, happens: impl AsyncFnOnce()) -> World {
    let wechat = wechat().await;
    wechat.breaks(CODES, json!({ "skip": BEFORE, "held": true })).await;
    let pool = Pool { size: SIZE, low_water: 1, grow_by: 1, ..SMALL };
    let world = World::of(wechat, pool, |config| shared(config, database, pictures)).await;
    let free = async || codes(database).await.iter().filter(|code| code.is("free")).count();
    within("some codes", async { while free().await < BEFORE {} }).await;
    happens().await;
    world.heals().await;
    let failed = async || world.counts("saoma_pool_made_total", "outcome=\"failed\"").await > 0;
    within("a failure", async { while !failed().await {} }).await;

    let stored: BTreeSet<_> = pictures_in(pictures).into_iter().collect();
    for code in codes(database).await.iter().filter(|code| code.is("free")) {
        assert!(stored.contains(&code.picture), "{} is free without its picture", code.picture);
    }
    world
}

/// Sessions get codes, which can be seen; how many of the pool's.
async fn sessions_open(world: &World) -> usize {
    for _ in 0..SESSIONS {
        let session = world.opened().await;
        world.picture(&session).await.is_image("image/jpeg");
    }
    let from = async |label| world.counts("saoma_pool_taken_total", label).await;
    let (pooled, fresh) = (from("from=\"pool\"").await, from("from=\"fresh\"").await);
    assert_eq!(pooled + fresh, SESSIONS as u64);
    usize::try_from(pooled).expect("small")
}

/// The disk is well again: every number becomes a code.
async fn all_is_made(world: &World, database: &str, pictures: &Path, taken: usize) {
    let codes = async |label| world.counts("saoma_pool_codes", label).await;
    let made = async || {
        let (free, taken) = (codes("state=\"free\"").await, codes("state=\"taken\"").await);
        free > 0 && free + taken >= SIZE.into() && codes("state=\"making\"").await == 0
    };
    world.rests_until(made).await;
    let codes = whole(database, pictures).await;
    assert_eq!(codes.iter().filter(|code| code.is("taken")).count(), taken);
}

/// Something that leaves no room for anything else.
fn fills(disk: &Path) -> PathBuf {
    let file = disk.join("something else");
    fs::write(&file, vec![0; 64 << 20]).expect_err("a disk that is full");
    file
}

/// What is in a folder, and in those in it.
pub(crate) fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(path).expect("a file"));
        }
    }
    all
}

#[test]
fn a_disk_that_fills_up_with_all_on_it_stops_no_session() {
    let test = "disks::a_disk_that_fills_up_with_all_on_it_stops_no_session";
    on_a_disk("16m", test, async |disk| {
        let (database, pictures) = (url(disk), disk.join("codes"));
        let world = world(&database, &pictures, async || drop(fills(disk))).await;
        let taken = sessions_open(&world).await;
        fs::remove_file(disk.join("something else")).expect("removed");
        all_is_made(&world, &database, &pictures, taken).await;
    });
}

#[test]
fn a_disk_that_is_full_of_pictures_gives_those_that_it_has() {
    let test = "disks::a_disk_that_is_full_of_pictures_gives_those_that_it_has";
    on_a_disk("16m", test, async |disk| {
        let (elsewhere, pictures) = (folder(), disk.join("codes"));
        let database = url(elsewhere.path());
        let world = world(&database, &pictures, async || drop(fills(disk))).await;
        let made = codes(&database).await.iter().filter(|code| code.is("free")).count();
        assert_eq!(sessions_open(&world).await, made);
        fs::remove_file(disk.join("something else")).expect("removed");
        all_is_made(&world, &database, &pictures, made).await;
    });
}

#[test]
fn a_disk_that_may_only_be_read_from_now_on_gives_the_pictures_that_it_has() {
    let test = "disks::a_disk_that_may_only_be_read_from_now_on_gives_the_pictures_that_it_has";
    on_a_disk("16m", test, async |disk| {
        // Nobody can make a disk such while a database on it is open.
        let (elsewhere, pictures) = (folder(), disk.join("codes"));
        let database = url(elsewhere.path());
        let read_only = async || {
            within("a moment when nobody writes", async {
                while !remounted(disk, "ro") {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        };
        let world = world(&database, &pictures, read_only).await;
        assert_eq!(sessions_open(&world).await, BEFORE);
        assert!(remounted(disk, "rw"));
        all_is_made(&world, &database, &pictures, BEFORE).await;
    });
}

#[test]
fn a_data_folder_that_may_only_be_read_starts_nothing_and_stays_as_it_is() {
    let test = "disks::a_data_folder_that_may_only_be_read_starts_nothing_and_stays_as_it_is";
    on_a_disk("16m", test, async |disk| {
        let folder = folder();
        symlink(disk, folder.path().join("data")).expect("linked");
        let fill = ["pool", "fill", "--count", "1"];
        // When it was never used, and when it was.
        for _ in 0..2 {
            assert!(remounted(disk, "ro"));
            let before = files(disk);
            for command in [&[][..], &fill] {
                let errors = refused(folder.path(), POOL, command);
                assert!(errors.contains("/data/"), "{errors}");
                assert!(errors.ends_with(": Read-only file system (os error 30)\n"), "{errors}");
                assert_eq!(files(disk), before);
            }
            assert!(remounted(disk, "rw"));
            let filled = start(folder.path(), POOL, &fill);
            assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
        }
    });
}

fn url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("saoma.db").display())
}
