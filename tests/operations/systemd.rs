//! The service: as systemd reads it, and as the server speaks to systemd.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use saoma::config::Config;
use tempfile::TempDir;

use crate::support::instance::Instance;
use crate::support::{Api, PATIENCE, Via};
use crate::{BINARY, project, read, said, saoma};

const UNIT: &str = "deploy/systemd/saoma.service";
const DROP_INS: [&str; 2] = ["secrets.conf", "https.conf"];

/// The exposure above which `systemd-analyze security` is not content, times ten.
const MOST_EXPOSED: &str = "--threshold=20";

/// systemd as a server sees it: a socket that it is told things at.
struct Systemd {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Systemd {
    fn listens() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        Self { socket, folder }
    }

    /// A server that was started by it, with these variables besides.
    async fn starts(&self, config: &Config, besides: &[&'static str]) -> Instance {
        let socket = self.folder.path().join("notify");
        let socket: &str = Box::leak(format!("NOTIFY_SOCKET={}", socket.display()).into());
        let variables: Vec<&str> = [&[socket], besides].concat();
        Instance::start_under(config, Box::leak(variables.into())).await
    }

    /// The lines that it is told next.
    fn is_told(&self) -> Vec<String> {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes).expect("to be told something");
        said(&bytes[..length]).lines().map(str::to_owned).collect()
    }
}

fn config() -> Config {
    let any = ([127, 0, 0, 1], 0).into();
    Config { listen: any, admin_listen: any, drain_seconds: 1, ..Config::default() }
}

#[tokio::test]
async fn systemd_is_told_when_the_server_serves_and_when_it_leaves() {
    let systemd = Systemd::listens();
    let mut server = systemd.starts(&config(), &[]).await;
    let told = systemd.is_told();
    assert_eq!(told[0], "READY=1");
    let status = told[1].strip_prefix("STATUS=listening on ").expect("a status");
    let (public, admin) = status.split_once(", admin on ").expect("two addresses");
    Api::new(public.to_owned()).ask(Method::GET, "/openapi.json").await.ok();
    let ready = Api::new(admin.to_owned()).ask(Method::GET, "/readyz").await;
    assert_eq!(ready.status, 200);

    // Somebody waits: the server does not leave at once.
    let mut waits = server.browser(Via::Sse).open_only().await.follow(Via::Sse).await;
    waits.sees("pending").await;
    server.signal("-TERM");
    let told = systemd.is_told();
    // A second of drain, and what the last logins may need.
    assert_eq!(told, ["STOPPING=1", "EXTEND_TIMEOUT_USEC=16000000", "STATUS=leaving"]);
    assert_eq!(server.ended().await, Some(0));
}

#[tokio::test]
async fn systemd_hears_that_it_lives_if_it_wants_to() {
    let systemd = Systemd::listens();
    let _server = systemd.starts(&config(), &["WATCHDOG_USEC=100000"]).await;
    assert_eq!(systemd.is_told()[0], "READY=1");
    for _ in 0..3 {
        assert_eq!(systemd.is_told(), ["WATCHDOG=1"]);
    }
}

#[tokio::test]
async fn a_server_whose_supervisor_is_gone_serves_all_the_same() {
    let nobody: &[&str] = &["NOTIFY_SOCKET=/nowhere/notify"];
    let mut server = Instance::start_under(&config(), nobody).await;
    server.api().ask(Method::GET, "/openapi.json").await.ok();
    server.signal("-TERM");
    assert_eq!(server.ended().await, Some(0));
    assert!(server.log().contains("systemd.not_told"), "{}", server.log());
}

/// The service as systemd would find it, with the program that was built.
fn installed(drop_ins: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = read(UNIT).replace("/usr/local/bin/saoma", BINARY);
    assert!(unit.contains(&format!("ExecStart={BINARY}\n")), "another program");
    std::fs::write(folder.path().join("saoma.service"), unit).expect("written");
    let beside = folder.path().join("saoma.service.d");
    std::fs::create_dir(&beside).expect("a folder");
    for drop_in in drop_ins {
        let from = project("deploy/systemd").join(drop_in);
        std::fs::copy(from, beside.join(drop_in)).expect("a drop-in");
    }
    folder
}

/// What `systemd-analyze` says of it, if it is not content.
fn complaints(folder: &Path, arguments: &[&str]) -> Option<String> {
    let unit = folder.join("saoma.service");
    let said_it = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    let output = said_it.expect("systemd-analyze is needed (Debian: systemd)");
    let errors = said(&output.stderr);
    let content = output.status.success() && errors.is_empty();
    (!content).then(|| format!("{arguments:?}: {errors}{}", said(&output.stdout)))
}

#[test]
fn the_service_is_understood_and_exposes_little() {
    for drop_ins in [&[][..], &DROP_INS[..1], &DROP_INS[1..], &DROP_INS] {
        let folder = installed(drop_ins);
        let verify = complaints(folder.path(), &["verify"]);
        assert_eq!(verify, None, "with {drop_ins:?}");
        let security = ["security", "--offline=true", MOST_EXPOSED];
        assert_eq!(complaints(folder.path(), &security), None, "with {drop_ins:?}");
    }
}

#[test]
fn a_service_that_is_not_understood_or_exposes_much_is_found() {
    let folder = installed(&[]);
    let careless = format!("[Service]\nType=notify\nExecStart={BINARY}\nProtectSytem=strict\n");
    std::fs::write(folder.path().join("saoma.service"), careless).expect("written");
    let verify = complaints(folder.path(), &["verify"]).expect("a complaint");
    assert!(verify.contains("ProtectSytem"), "{verify}");
    let security = ["security", "--offline=true", MOST_EXPOSED];
    assert!(complaints(folder.path(), &security).is_some());
}

/// What `NAME=value` lines set, behind a beginning.
fn variables(text: &str, beginning: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(beginning));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let pairs = pairs.filter(|(name, _)| name.starts_with("SAOMA_"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn what_the_service_sets_are_settings() {
    let mut settings = variables(&read("deploy/systemd/saoma.env"), "");
    assert!(settings.len() >= 3, "{settings:?}");
    settings.extend(variables(&read(UNIT), "Environment="));
    let checked = saoma(&["check-config"], settings);
    assert!(checked.status.success(), "{}", said(&checked.stderr));
    // Those that name files which are not on this machine are known, at least.
    let beside: Vec<String> =
        DROP_INS.iter().map(|name| read(&format!("deploy/systemd/{name}"))).collect();
    for (name, value) in beside.iter().flat_map(|text| variables(text, "Environment=")) {
        let checked = saoma(&["check-config"], [(&name, &value)]);
        let error = said(&checked.stderr);
        assert!(!error.contains("no such setting"), "{error}");
    }
}

#[test]
fn the_service_is_given_the_time_that_it_asks_for() {
    let unit = read(UNIT);
    let says = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
    let stop: u64 = says("TimeoutStopSec=").expect("a limit").parse().expect("seconds");
    assert!(stop > Config::default().drain_seconds + 15, "{stop}");
    let restarts = says("Restart=").expect("Restart=");
    assert_eq!(restarts, "on-failure");
}
