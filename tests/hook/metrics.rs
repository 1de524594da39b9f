//! What is counted of questions: how long, of which kind, and what came of them.

use serde_json::{Value, json};

use crate::service::{Does, knows, knows_nobody, refuses};
use crate::support::Store;
use crate::support::metrics::sum;
use crate::world::World;

const OUTCOMES: [&str; 6] =
    ["registered", "unregistered", "refused", "unavailable", "timeout", "failed"];

impl World {
    /// So many questions of a kind came to this.
    pub(crate) async fn counted(&self, outcome: &str, kind: &str) -> u64 {
        let metrics = self.server.admin("/metrics").await;
        let labels = format!(r#"{{outcome="{outcome}",type="{kind}"}}"#);
        assert!(metrics.text().contains(&format!("saoma_hook_duration_seconds_count{labels}")));
        sum(metrics.text(), "saoma_hook_duration_seconds_count", &labels)
    }
}

#[tokio::test]
async fn every_outcome_is_there_from_the_start_and_counted_once_a_question() {
    let world = World::new(Store::Memory).await;
    for outcome in OUTCOMES {
        for kind in ["scan", "confirm", "register"] {
            assert_eq!(world.counted(outcome, kind).await, 0);
        }
    }
    let session = world.opened().await;
    let scan = async || session.shows_the_code().tries_to_scan_as("Alice").await.status;
    let says = |answer: Value| Does::Says(answer);
    for (n, (outcome, does)) in [
        ("refused", vec![says(refuses("no"))]),
        ("unavailable", vec![Does::HangsUp, Does::HangsUp]),
        ("unavailable", vec![Does::status(500)]),
        ("failed", vec![says(json!({}))]),
        ("unregistered", vec![says(knows_nobody())]),
        ("registered", vec![Does::HangsUp, says(knows("Alice"))]),
    ]
    .into_iter()
    .enumerate()
    {
        let before = world.counted(outcome, "scan").await;
        world.service.will(does);
        scan().await;
        assert_eq!(world.counted(outcome, "scan").await, before + 1, "{n}");
    }
    let phone = session.scan_as("Alice").await;
    phone.confirm().await.ok();
    assert_eq!(world.counted("registered", "confirm").await, 1);
    assert_eq!(world.counted("registered", "register").await, 0);
}
