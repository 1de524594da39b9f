//! A thousand browsers in the same second, before WeChat's 5000 codes a minute and before fewer.

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::json;

use crate::stub::MINI;
use crate::support::{Answer, Session, time_passes};
use crate::world::{CODES, TOKEN, World};

const CROWD: usize = 1000;
/// Calls that are under way together, at most.
const AT_ONCE: usize = 64;
/// As many as a test's single thread serves without being late for anything else it does.
const TOGETHER: usize = 50;

/// WeChat, and a server that lets so many come from one address.
async fn ready() -> World {
    World::with(|config| {
        config.rate_limit = false;
        crate::support::namespace(config, "default").wechat.width = 280;
    })
    .await
}

async fn all_come(world: &World) -> Vec<Session> {
    let coming = stream::iter((0..CROWD).map(|_| world.opened()));
    coming.buffered(TOGETHER).collect().await
}

async fn all_look<'a>(sessions: impl IntoIterator<Item = &'a Session>) -> Vec<Answer> {
    let looking = sessions.into_iter().map(async |session| session.get("code").await);
    stream::iter(looking).buffered(TOGETHER).collect().await
}

#[tokio::test]
async fn a_thousand_sessions_at_once_cost_one_token_and_a_call_each() {
    let world = ready().await;
    let sessions = all_come(&world).await;
    for answer in all_look(&sessions).await {
        answer.is_image("image/jpeg");
    }
    let counts = world.wechat.see("counts").await;
    assert_eq!((&counts[TOKEN]["calls"], &counts[CODES]["calls"]), (&json!(1), &json!(CROWD)));
    let most = counts[CODES]["most_at_once"].as_u64().expect("a number");
    assert!(most <= AT_ONCE as u64, "{most} at once");
}

#[tokio::test]
async fn a_crowd_beyond_the_quota_is_told_so_and_is_served_when_the_minute_is_over() {
    const QUOTA: usize = 500;
    let world = ready().await;
    world.wechat.set(MINI, "limits", json!({ "codes_per_minute": QUOTA })).await;
    let sessions = all_come(&world).await;
    let answers = all_look(&sessions).await;
    let (served, told): (Vec<_>, Vec<_>) =
        sessions.iter().zip(answers).partition(|(_, answer)| answer.status == 200);
    assert_eq!((served.len(), told.len()), (QUOTA, CROWD - QUOTA));
    for (_, answer) in served {
        answer.is_image("image/jpeg");
    }
    let mut without = Vec::new();
    for (session, answer) in told {
        let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
        answer.is_problem(503, "wechat_quota");
        without.push(session);
    }

    // Those that were under way when it was used up, and none after them.
    let asked = world.calls(CODES).await;
    assert!(asked <= QUOTA + AT_ONCE, "asked {asked} times");
    for session in without.iter().take(20) {
        session.get("code").await.is_problem(503, "wechat_quota");
        assert_eq!(session.state().await, "pending");
    }
    assert_eq!(world.calls(CODES).await, asked);

    time_passes(60).await;
    world.wechat.forward(60).await;
    for answer in all_look(without).await {
        answer.is_image("image/jpeg");
    }
    assert_eq!(world.calls(CODES).await, asked + CROWD - QUOTA);
    assert_eq!(world.calls(TOKEN).await, 1);
}
