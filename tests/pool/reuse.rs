//! Codes that serve again: only when they have rested, and never without the number beside them.

use saoma::config::Pool;
use serde_json::{Value, json};

use crate::support::{Phone, Session, namespace};
use crate::world::World;

/// One code, that serves again two minutes after its session.
const ONE: Pool = Pool { size: 1, low_water: 1, grow_by: 1, reuse: true, cooldown_seconds: 120 };

async fn world(pool: Pool) -> World {
    let world = World::with(pool, |config| namespace(config, "default").match_number = true).await;
    world.has_free(pool.size.into()).await;
    world
}

async fn scans(world: &World, session: &Session, person: &str) -> Phone {
    let phone = session.shows_the_code();
    let told = phone.tries_to_scan(world.wx_login(person).await).await.ok();
    assert_eq!(told["match_number_required"], true);
    phone.with_token(told["phone_token"].as_str().expect("a token"))
}

fn number(session: &Session) -> Value {
    session.opened["match_number"].clone()
}

#[tokio::test]
async fn a_code_serves_again_when_its_session_has_ended_and_it_has_rested() {
    // For longer than the session before can be looked at, which alone would be in the way.
    let pool = Pool { size: 3, low_water: 1, cooldown_seconds: 300, ..ONE };
    let world = world(pool).await;
    let first = world.opened().await;
    first.cancel().await.is(204);
    // It rests: the next get the others.
    assert_ne!(world.opened().await.scene, first.scene);
    world.server.time_passes(290).await;
    assert_ne!(world.opened().await.scene, first.scene);
    world.server.time_passes(11).await;
    let again = world.opened().await;
    assert_eq!(again.scene, first.scene);
    assert_ne!(again.id, first.id);
    assert_eq!(again.opened["code"]["url"], first.opened["code"]["url"]);
    // The session before is over for whoever had it.
    first.get("").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn who_has_an_old_picture_cannot_confirm_another_session_with_it() {
    let world = world(ONE).await;
    let first = world.opened().await;
    let old = scans(&world, &first, "mallory").await;
    old.confirm_with(number(&first)).await.ok();
    world.server.time_passes(121).await;

    let second = world.opened().await;
    assert_eq!(second.scene, first.scene, "the picture is the same");
    // What was good for the session before is not for this one.
    old.confirm_with(number(&second)).await.is_problem(401, "unauthorized");
    // The picture itself can be scanned again; without the number it is of no use.
    let again = scans(&world, &second, "mallory").await;
    again.confirm().await.is_problem(422, "match_number_required");
    let shown = number(&second).as_u64().expect("a number");
    let wrong = if shown == 99 { 10 } else { shown + 1 };
    again.confirm_with(wrong).await.is_problem(403, "wrong_number");
    assert_eq!(second.snapshot().await["state"], "rejected");
    again.confirm_with(shown).await.is_problem(409, "wrong_state");
}

#[tokio::test]
async fn a_session_that_nobody_ends_gives_its_code_back_when_its_time_is_over() {
    let pool = Pool { size: 2, low_water: 1, ..ONE };
    let world = world(pool).await;
    let first = world.opened().await;
    // Its 180 s, and the rest.
    world.server.time_passes(181).await;
    assert_ne!(world.opened().await.scene, first.scene);
    world.server.time_passes(121).await;
    assert_eq!(world.opened().await.scene, first.scene);
    assert_eq!(json!(world.counts("saoma_pool_taken_total", "from=\"pool\"").await), 3);
}
