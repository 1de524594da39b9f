//! The composed fleet: what it names is there, what it sets are settings, and outsiders reach only
//! what is for them.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::{project, read, said, saoma};

const FOLDER: &str = "deploy/fleet";

/// The services by name.
fn services() -> BTreeMap<String, Value> {
    let text = read(&format!("{FOLDER}/compose.yaml"));
    let mut file: Value = serde_yaml::from_str(&text).expect("YAML");
    file.apply_merge().expect("anchors");
    serde_yaml::from_value(file["services"].clone()).expect("services")
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_sequence().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `${NAME:-default}` as it is when nobody sets `NAME`.
fn with_defaults(text: &str) -> String {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').expect("an end");
        whole.push_str(variable.split_once(":-").expect("a default").1);
        whole.push_str(rest);
    }
    whole
}

#[test]
fn every_image_is_of_one_version() {
    for (name, service) in services() {
        let image = service["image"].as_str().expect("an image");
        let version = image.split_once(':').map(|(_, version)| version);
        let pinned = version.is_some_and(|it| it.contains(|c: char| c.is_ascii_digit()));
        assert!(pinned || image == "saoma", "{name}: {image}");
    }
}

#[test]
fn everything_that_is_mounted_is_there() {
    let mut mounted = 0;
    for (name, service) in services() {
        for volume in texts(&service["volumes"]).iter().filter(|it| it.starts_with('.')) {
            let path = volume.split(':').next().expect("a path");
            assert!(project(FOLDER).join(path).exists(), "{name}: {path} is not there");
            mounted += 1;
        }
    }
    assert!(mounted >= 2, "{mounted}");
}

#[test]
fn outsiders_reach_the_balancer_alone() {
    for (name, service) in services() {
        let open = texts(&service["ports"]).into_iter().find(|it| !it.starts_with("127.0.0.1:"));
        assert_eq!(open.is_some(), name == "haproxy", "{name}: {open:?}");
    }
}

#[test]
fn what_the_instances_are_given_are_settings_that_agree() {
    let mut instances = 0;
    for (name, service) in services() {
        if service["image"] != "saoma" {
            continue;
        }
        instances += 1;
        let given = service["environment"].as_mapping().expect("settings");
        let settings = given.iter().map(|(name, value)| {
            let value = value.as_str().map_or_else(
                || serde_yaml::to_string(value).expect("a number").trim().to_owned(),
                with_defaults,
            );
            (name.as_str().expect("a name").to_owned(), value)
        });
        let checked = saoma(&["check-config"], settings);
        assert!(checked.status.success(), "{name}: {}", said(&checked.stderr));
        let drain: toml::Table = said(&checked.stdout).parse().expect("TOML");
        let drain = drain["drain_seconds"].as_integer().expect("seconds");
        let grace = service["stop_grace_period"].as_str().and_then(|it| it.strip_suffix('s'));
        let grace: i64 = grace.expect("seconds").parse().expect("a number");
        assert!(grace >= drain + 15, "{name}: {grace} s, and {drain} s of drain");
    }
    assert_eq!(instances, 3);
}

#[test]
fn prometheus_asks_each_instance() {
    let file: Value =
        serde_yaml::from_str(&read(&format!("{FOLDER}/prometheus.yml"))).expect("YAML");
    let job = &file["scrape_configs"][0];
    // By this name the alerts know which are ours.
    assert_eq!(job["job_name"], "saoma");
    let mut asked = texts(&job["static_configs"][0]["targets"]);
    asked.sort();
    let instances = services().into_iter().filter(|(_, service)| service["image"] == "saoma");
    let expected: Vec<_> = instances.map(|(name, _)| format!("{name}:3001")).collect();
    assert_eq!(asked, expected);
}
