//! What holds of a namespace's codes, on every database.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::database::databases::{databases, open, places};
use crate::entropy::Entropy;

const NOW: Timestamp = Timestamp(1_000_000);

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn stamp(page: &str) -> Stamp {
    let [account, env_version, page] = ["wx1", "release", page].map(str::to_owned);
    Stamp { account, env_version, page }
}

fn shelf(database: &Database, reuse: bool) -> Shelf {
    Shelf::new(database.clone(), "shop".to_owned(), stamp("pages/a"), reuse)
}

/// Scenes and pictures' names of so many codes.
fn drawn(count: usize) -> Vec<(Scene, String)> {
    let entropy = Entropy::system();
    (0..count).map(|_| (Scene::random(&entropy), Scene::random(&entropy).to_string())).collect()
}

/// So many codes that are free.
async fn with(shelf: &Shelf, count: usize) {
    shelf.begin(drawn(count)).await.expect("begun");
    for code in shelf.begun(1_000).await.expect("asked") {
        assert!(shelf.made(&code, &format!("{}.png", code.picture)).await.expect("made"));
    }
}

async fn take(shelf: &Shelf, until: Timestamp, now: Timestamp) -> Option<Numbered> {
    shelf.take(until, now).await.expect("asked").map(|(_, code)| code)
}

#[tokio::test]
async fn a_code_is_free_only_when_its_picture_is_stored() {
    for database in databases().await {
        let shelf = shelf(&database, false);
        shelf.begin(drawn(2)).await.expect("begun");
        assert_eq!(take(&shelf, after(180), NOW).await, None);
        let begun = shelf.begun(10).await.expect("asked");
        assert_eq!(begun.iter().map(|code| code.number).collect::<Vec<_>>(), [0, 1]);
        assert!(shelf.made(&begun[1], "b.jpg").await.expect("made"));
        // Made again, by somebody else: the first counts.
        assert!(!shelf.made(&begun[1], "c.jpg").await.expect("asked"));
        let (scene, code) = shelf.take(after(180), NOW).await.expect("asked").expect("a code");
        assert_eq!((code.number, code.generation, &*code.picture), (1, 1, "b.jpg"));
        assert_eq!(scene, begun[1].scene);
        assert_eq!(take(&shelf, after(180), NOW).await, None);
    }
}

#[tokio::test]
async fn the_lowest_free_number_is_taken_and_numbers_go_on() {
    for database in databases().await {
        let shelf = shelf(&database, false);
        with(&shelf, 3).await;
        let taken = take(&shelf, after(180), NOW).await.expect("a code");
        assert_eq!(taken.number, 0);
        assert_eq!(take(&shelf, after(180), NOW).await.expect("a code").number, 1);
        shelf.give_back(&taken).await.expect("given back");
        assert_eq!(take(&shelf, after(180), NOW).await.expect("a code").number, 0);
        // Numbers of codes that are struck out are not given again.
        assert_eq!(shelf.strike_used(after(180)).await.expect("struck"), 2);
        with(&shelf, 1).await;
        let stock = shelf.stock(NOW).await.expect("counted");
        assert_eq!((stock.free, stock.taken, stock.numbers), (2, 0, 4));
        assert_eq!(take(&shelf, after(180), NOW).await.expect("a code").number, 2);
        assert_eq!(take(&shelf, after(180), NOW).await.expect("a code").number, 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_take_at_once_no_two_get_the_same() {
    for place in places() {
        let instances = [open(&place.url).await, open(&place.url).await, open(&place.url).await];
        let shelves = instances.each_ref().map(|database| shelf(database, false));
        with(&shelves[0], 90).await;
        let taking = (0..120).map(|n| {
            let shelf = shelves[n % 3].clone();
            tokio::spawn(async move { take(&shelf, after(180), NOW).await })
        });
        let taken = join_all(taking.collect::<Vec<_>>()).await;
        let numbers: Vec<_> =
            taken.into_iter().filter_map(|it| it.expect("ran")).map(|code| code.number).collect();
        assert_eq!(numbers.len(), 90);
        assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (0..90).collect());
        for database in instances {
            database.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_begin_at_once_no_two_get_the_same_numbers() {
    for place in places() {
        let instances = [open(&place.url).await, open(&place.url).await];
        let shelves = instances.each_ref().map(|database| shelf(database, false));
        let beginning = (0..8).map(|n| {
            let shelf = shelves[n % 2].clone();
            tokio::spawn(async move { shelf.begin(drawn(5)).await })
        });
        for begun in join_all(beginning.collect::<Vec<_>>()).await {
            begun.expect("ran").expect("begun");
        }
        let begun = shelves[0].begun(1_000).await.expect("asked");
        assert!(begun.iter().map(|code| code.number).eq(0..40));
        for database in instances {
            database.close().await;
        }
    }
}

#[tokio::test]
async fn a_code_serves_again_when_it_has_rested_and_only_where_it_may() {
    for database in databases().await {
        let shelf = shelf(&database, true);
        with(&shelf, 1).await;
        let first = take(&shelf, after(780), NOW).await.expect("a code");
        assert_eq!(take(&shelf, after(1_000), after(779)).await, None);
        // Its session ended early.
        shelf.rest(&first, after(700)).await.expect("asked");
        assert_eq!(take(&shelf, after(1_000), after(699)).await, None);
        let once = Shelf { reuse: false, ..shelf.clone() };
        assert_eq!(take(&once, after(1_000), after(700)).await, None);
        let again = take(&shelf, after(1_500), after(700)).await.expect("a code");
        assert_eq!((again.number, again.generation), (0, 2));
        // What the session before still says of it counts for nothing.
        shelf.rest(&first, after(701)).await.expect("asked");
        shelf.give_back(&first).await.expect("asked");
        assert_eq!(take(&shelf, after(2_000), after(1_499)).await, None);
        assert_eq!(shelf.stock(after(1_499)).await.expect("counted").taken, 1);
        assert_eq!(shelf.stock(after(1_500)).await.expect("counted").free, 1);
        // Where a code is used once from now on, one that has served is none, and is cleared away.
        assert_eq!(take(&once, after(2_000), after(1_500)).await, None);
        assert_eq!(once.stock(after(1_500)).await.expect("counted").free, 0);
        assert_eq!(once.strike_used(after(1_500)).await.expect("struck"), 1);
    }
}

#[tokio::test]
async fn a_rest_never_ends_later_than_it_would_have() {
    for database in databases().await {
        let shelf = shelf(&database, true);
        with(&shelf, 1).await;
        let code = take(&shelf, after(780), NOW).await.expect("a code");
        shelf.rest(&code, after(9_000)).await.expect("asked");
        assert!(take(&shelf, after(1_000), after(780)).await.is_some());
    }
}

#[tokio::test]
async fn what_was_made_for_another_page_is_given_to_nobody_and_made_anew() {
    for database in databases().await {
        let old = shelf(&database, true);
        with(&old, 3).await;
        let held = take(&old, after(780), NOW).await.expect("a code");
        let new = Shelf { stamp: stamp("pages/b"), ..old.clone() };
        assert_eq!(take(&new, after(780), NOW).await, None);
        let stock = new.stock(NOW).await.expect("counted");
        assert_eq!((stock.free, stock.taken, stock.outdated), (0, 1, 2));

        let outdated = new.outdated(10, NOW).await.expect("asked");
        assert_eq!(outdated.iter().map(|code| code.number).collect::<Vec<_>>(), [1, 2]);
        for (code, (scene, picture)) in outdated.iter().zip(drawn(2)) {
            new.begin_anew(code, &scene, &picture).await.expect("begun");
            // Somebody else who does the same is too late.
            let (late, name) = drawn(1).remove(0);
            new.begin_anew(code, &late, &name).await.expect("asked");
            let begun = new.begun(10).await.expect("asked");
            assert!(begun.iter().any(|it| it.scene == scene && it.picture == picture));
        }
        let litter: BTreeSet<_> = new.litter(10).await.expect("asked").into_iter().collect();
        assert_eq!(litter, outdated.iter().map(|code| code.picture.clone()).collect());
        // A maker who was at the old code finds that it is another's.
        assert!(!new.made(&outdated[0], "late.png").await.expect("asked"));
        for code in new.begun(10).await.expect("asked") {
            assert!(new.made(&code, &format!("{}.png", code.picture)).await.expect("made"));
        }
        assert_eq!(take(&new, after(780), NOW).await.expect("a code").number, 1);
        // What a session had is made anew when it has rested.
        assert_eq!(new.outdated(10, NOW).await.expect("asked"), []);
        let rested = new.outdated(10, after(780)).await.expect("asked");
        assert_eq!(rested.iter().map(|code| code.number).collect::<Vec<_>>(), [0]);
        assert_eq!(held.number, 0);
    }
}

#[tokio::test]
async fn who_takes_a_code_before_it_is_made_anew_keeps_it() {
    for database in databases().await {
        let old = shelf(&database, false);
        with(&old, 1).await;
        let new = Shelf { stamp: stamp("pages/b"), ..old.clone() };
        let outdated = new.outdated(10, NOW).await.expect("asked");
        // An instance of before the change.
        let (scene, _) = old.take(after(180), NOW).await.expect("asked").expect("a code");
        let (other, picture) = drawn(1).remove(0);
        new.begin_anew(&outdated[0], &other, &picture).await.expect("asked");
        assert_eq!(new.begun(10).await.expect("asked"), []);
        assert_eq!(new.litter(10).await.expect("asked"), Vec::<String>::new());
        assert_eq!(outdated[0].scene, scene);
    }
}

#[tokio::test]
async fn used_codes_are_struck_out_and_their_pictures_are_litter() {
    for database in databases().await {
        let shelf = shelf(&database, false);
        with(&shelf, 2).await;
        let used = take(&shelf, after(180), NOW).await.expect("a code");
        assert_eq!(shelf.strike_used(after(179)).await.expect("struck"), 0);
        assert_eq!(shelf.strike_used(after(180)).await.expect("struck"), 1);
        assert_eq!(shelf.look_up(0).await.expect("asked"), None);
        assert_eq!(shelf.litter(10).await.expect("asked"), [used.picture.to_string()]);
        shelf.cleared(&used.picture).await.expect("cleared");
        assert_eq!(shelf.litter(10).await.expect("asked"), Vec::<String>::new());
        let left = shelf.look_up(1).await.expect("asked").expect("there");
        assert_eq!(left.state, "free");
        // Codes that serve again are never used up.
        let again = Shelf { reuse: true, ..shelf.clone() };
        take(&again, after(180), NOW).await.expect("a code");
        assert_eq!(again.strike_used(after(9_999)).await.expect("struck"), 0);
    }
}

#[tokio::test]
async fn each_namespace_has_numbers_of_its_own() {
    for database in databases().await {
        let shop = shelf(&database, false);
        let staff = Shelf { namespace: "staff".to_owned(), ..shop.clone() };
        with(&shop, 2).await;
        with(&staff, 1).await;
        assert_eq!(take(&staff, after(180), NOW).await.expect("a code").number, 0);
        assert_eq!(take(&staff, after(180), NOW).await, None);
        assert_eq!(take(&shop, after(180), NOW).await.expect("a code").number, 0);
        assert_eq!(staff.stock(NOW).await.expect("counted").numbers, 1);
    }
}
