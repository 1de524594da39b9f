//! `saoma pool fill`, killed at any moment: no number is lost, doubled, or free without a picture.

use futures_util::future::join_all;
use saoma::entropy::Entropy;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::place::Place;
use crate::stub::SECRET;
use crate::support::within;
use crate::world::{CODES, pictures_in};

/// Places where codes are made, and how often a maker is killed at each: fifty times.
const PLACES: usize = 5;
const KILLS: usize = 10;
/// How many codes a command is to make.
const COUNT: u32 = 40;

/// Has codes made by somebody who is killed when WeChat has been asked so often.
async fn makes_until(place: &Place, calls: usize) {
    let at_least = place.calls().await + calls;
    let count = COUNT.to_string();
    let mut maker = place.command(&["fill", "--count", &count]).spawn().expect("a process");
    let asked = format!("calls?all&at_least={at_least}&path={CODES}");
    tokio::select! {
        _ = place.wechat.see(&asked) => {}
        ended = maker.wait() => drop(ended.expect("a status")),
    }
    let _ = maker.start_kill();
    maker.wait().await.expect("a status");
}

/// All is as it should be where no session takes anything; how many codes there are.
async fn is_whole(place: &Place) -> usize {
    let codes = place.whole().await;
    assert!(codes.iter().all(|code| code.is("free")));
    codes.len()
}

async fn a_maker_is_killed_again_and_again(place: &Place) {
    let entropy = Entropy::system();
    place.wechat.breaks(CODES, json!({ "latency_ms": 5 })).await;
    for _ in 0..KILLS {
        let calls = entropy.below(COUNT - 1) + 1;
        makes_until(place, usize::try_from(calls).expect("small")).await;
        // What is free is whole at any moment.
        let stored =
            if place.pictures().exists() { pictures_in(&place.pictures()) } else { Vec::new() };
        let status: Value =
            serde_json::from_str(&place.says(&["status", "--json"]).await).expect("JSON");
        let free = status[0]["free"].as_u64().expect("a count");
        assert!(free <= stored.len() as u64, "{status}: {} pictures", stored.len());
    }
    // Somebody makes one more: what the others have left is finished.
    place.says(&["fill", "--count", "1"]).await;
    let status: Value =
        serde_json::from_str(&place.says(&["status", "--json"]).await).expect("JSON");
    assert_eq!(status[0]["next_number"], is_whole(place).await, "{status}");
}

#[tokio::test]
async fn fifty_kills_lose_and_double_no_number() {
    let places = join_all((0..PLACES).map(|n| Place::new(n % 2 == 0))).await;
    join_all(places.iter().map(a_maker_is_killed_again_and_again)).await;
}

#[tokio::test]
async fn a_command_that_nobody_stops_makes_what_it_is_told_to() {
    let place = Place::new(false).await;
    assert_eq!(place.says(&["fill", "--count", "25"]).await, "made 25 codes\n");
    assert_eq!(is_whole(&place).await, 25);
    assert_eq!(place.says(&["fill", "--count", "3"]).await, "made 3 codes\n");
    assert_eq!(is_whole(&place).await, 28);
    let status = place.says(&["status"]).await;
    assert!(status.lines().nth(1).is_some_and(|row| row.starts_with("default ")), "{status}");
    assert_eq!(place.says(&["prune"]).await, "cleared away 0 used codes and 0 pictures\n");
}

/// As by Ctrl-C: it says how far it has come, and who goes on need not wait.
#[tokio::test]
async fn a_command_that_is_stopped_ends_at_once_and_the_next_goes_on() {
    let place = Place::new(false).await;
    let maker = place.command(&["fill", "--count", "1000"]).spawn().expect("a process");
    let pid = maker.id().expect("a process that runs").to_string();
    let asked = format!("calls?all&at_least=20&path={CODES}");
    place.wechat.see(&asked).await;
    let stopped = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(stopped.is_ok_and(|status| status.success()));
    let ended = within("the end of it", maker.wait_with_output()).await.expect("a status");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.ends_with(" of 1000 codes: stopped; run it again to go on\n"), "{errors}");
    let next = place.command(&["fill", "--count", "70"]).output().await.expect("a process");
    assert_eq!(String::from_utf8_lossy(&next.stderr), "", "it waits for nobody");
    assert!(is_whole(&place).await >= 70);
}

#[tokio::test]
async fn two_commands_at_once_make_as_many_as_both_were_told_to() {
    for postgres in [false, true] {
        let place = Place::new(postgres).await;
        let fill = ["fill", "--count", "20"];
        let (one, other) = tokio::join!(place.says(&fill), place.says(&fill));
        assert_eq!((&*one, &*other), ("made 20 codes\n", "made 20 codes\n"));
        assert_eq!(is_whole(&place).await, 40);
    }
}

/// What goes wrong is said, with what was done until then.
#[tokio::test]
async fn a_wechat_that_knows_no_such_app_is_named_and_exits_with_one() {
    let place = Place::new(false).await;
    place.wechat.breaks("*", json!({ "errcode": 40125 })).await;
    let output = place.command(&["fill", "--count", "3"]).output().await.expect("a process");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("made 0 of 3 codes"), "{errors}");
    assert!(!errors.contains(SECRET), "{errors}");
}
