//! Scenes that are drawn twice: a code leads to one session, whatever chance does.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rand_chacha::ChaCha20Rng;
use rand_core::{Error, RngCore, SeedableRng};
use reqwest::Method;
use saoma::clock::Clock;
use saoma::config::{Config, ProviderName, Secret};
use saoma::entropy::Entropy;
use saoma::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stub::{MINI, SECRET, Stub};
use crate::support::{Answer, Api, namespace};
use crate::world::CODES;

/// The scenes that are drawn next, as their bytes: 17 are drawn for a scene, and for nothing else.
type Scenes = VecDeque<[u8; 17]>;

/// Chance, but for the scenes, and for the first bits of ids: a scene has its session's.
struct Loaded {
    chance: ChaCha20Rng,
    scenes: Arc<Mutex<Scenes>>,
}

impl RngCore for Loaded {
    fn next_u32(&mut self) -> u32 {
        self.chance.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.chance.next_u64()
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        self.chance.fill_bytes(into);
        match into.len() {
            16 => into[0] &= 0x0f,
            17 => {
                if let Some(scene) = self.scenes.lock().pop_front() {
                    into.copy_from_slice(&scene);
                }
            }
            _ => {}
        }
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(into);
        Ok(())
    }
}

struct World {
    wechat: Stub,
    api: Api,
    scenes: Arc<Mutex<Scenes>>,
    _data: TempDir,
}

impl World {
    async fn new() -> Self {
        let wechat = Stub::start().await;
        wechat.set(MINI, "pages", json!(["pages/wsLogin/wsLogin"])).await;
        let data = tempfile::tempdir().expect("a folder");
        let free = "127.0.0.1:0".parse().expect("an address");
        let data_dir = data.path().to_owned();
        let mut config = Config { listen: free, admin_listen: free, data_dir, ..Config::default() };
        let rules = namespace(&mut config, "default");
        rules.provider = ProviderName::MiniProgram;
        rules.wechat.app_id = Some(MINI.to_owned());
        rules.wechat.app_secret = Some(Secret::new(SECRET.to_owned()));
        rules.wechat.api_url.clone_from(&wechat.base);

        let scenes = Arc::<Mutex<Scenes>>::default();
        let loaded = Loaded { chance: ChaCha20Rng::from_entropy(), scenes: Arc::clone(&scenes) };
        let server = Server::start(&config, Clock::system(), Entropy::from_rng(loaded)).await;
        let server = server.expect("a server");
        let api = Api::new(format!("http://{}", server.public));
        let never = std::future::pending::<()>;
        tokio::spawn(server.run_until(never(), never()));
        Self { wechat, api, scenes, _data: data }
    }

    /// Opens a session for which these scenes are drawn, one after the other.
    async fn opens_with(&self, scenes: &[u8]) -> Answer {
        *self.scenes.lock() = scenes.iter().map(|byte| [*byte; 17]).collect();
        self.api.ask(Method::POST, "/v1/sessions").json(json!({})).await
    }

    async fn picture(&self, opened: &Value) -> Vec<u8> {
        let path = format!("/v1/sessions/{}/code", opened["session_id"].as_str().expect("an id"));
        self.api.ask(Method::GET, &path).await.is_image("image/jpeg")
    }

    /// The scenes that WeChat made codes of.
    async fn made(&self) -> Vec<Value> {
        let codes = self.wechat.see("codes").await;
        codes.as_array().expect("a list").iter().map(|code| code["scene"].clone()).collect()
    }
}

#[tokio::test]
async fn a_scene_that_is_taken_is_drawn_again() {
    let world = World::new().await;
    let first = world.opens_with(&[1]).await.is(201);
    let second = world.opens_with(&[1, 1, 2]).await.is(201);
    assert_ne!(first["scene"], second["scene"]);
    assert_ne!(world.picture(&first).await, world.picture(&second).await);
    // WeChat is asked for those that are shown, and for each once.
    let mut made = world.made().await;
    made.sort_by_key(|scene| *scene != first["scene"]);
    assert_eq!(made, [first["scene"].clone(), second["scene"].clone()]);
}

#[tokio::test]
async fn chance_that_is_broken_opens_no_session_and_takes_over_none() {
    let world = World::new().await;
    let first = world.opens_with(&[1]).await.is(201);
    world.picture(&first).await;
    world.opens_with(&[1; 4]).await.is_problem(503, "store_unavailable");

    // The first goes on, and WeChat was not asked for anything.
    let code = world.wechat.tell("login", json!({ "appid": MINI, "person": "wang" })).await;
    let path = format!("/v1/scenes/{}/scan", first["scene"].as_str().expect("a scene"));
    let scan = json!({ "login_code": code["code"] });
    world.api.ask(Method::POST, &path).json(scan).await.ok();
    assert_eq!(world.wechat.see("counts").await[CODES]["calls"], 1);
    world.opens_with(&[2]).await.is(201);
}
