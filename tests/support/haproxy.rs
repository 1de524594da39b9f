//! A real HAProxy before some instances: each request goes to the next of them, whoever asks.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::sleep;

use super::balanced::BALANCER;
use super::kept::Kept;
use super::{ports, within};

/// HAProxy goes into the background as soon as it listens.
const KEEPER: &str = r#"
PATH=$PATH:/usr/sbin
haproxy -D -p "$1/pid" -f "$1/haproxy.cfg" || exit
haproxy=$(cat "$1/pid")
echo ready
read -r _
kill -KILL $haproxy
"#;
/// What we recommend; its time-outs and options are used as they are.
const RECIPE: &str = include_str!("../../deploy/haproxy/haproxy.cfg");
/// How often it asks an instance whether it is ready.
const CHECKS: Duration = Duration::from_millis(100);
/// Where requests go: to those that are ready; and where none is, to all.
const CHECKED: &str = "saoma";
const UNCHECKED: &str = "anyway";
/// How many instances it can know at once, those that leave among them.
const PLACES: usize = 16;

/// A balancer that runs until it is dropped.
pub(crate) struct HaProxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    places: Vec<Option<SocketAddr>>,
    folder: TempDir,
    _process: Kept,
}

impl HaProxy {
    /// One that knows no instance yet.
    pub(crate) fn start() -> Self {
        // Another may take the port before HAProxy does.
        (0..9).find_map(|_| Self::try_start()).expect("haproxy is installed and starts")
    }

    fn try_start() -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("a folder with a name in UTF-8");
        std::fs::write(folder.path().join("haproxy.cfg"), settings(address, path))
            .expect("written");
        let mut process = Kept::start(KEEPER, &[path]);
        if process.says("ready").is_none() {
            eprintln!("haproxy: {}", process.errors());
            return None;
        }
        Some(Self { address, places: vec![None; PLACES], folder, _process: process })
    }

    /// Sends requests to one more instance as soon as that one's admin listener says that it is
    /// ready: when it is seen `UP`.
    pub(crate) async fn takes(&mut self, instance: SocketAddr, admin: SocketAddr) {
        let free = self.places.iter().position(Option::is_none).expect("a place");
        self.places[free] = Some(instance);
        let (ip, port, check) = (instance.ip(), instance.port(), admin.port());
        for backend in [CHECKED, UNCHECKED] {
            let server = format!("{backend}/{}", name(free));
            self.says_to(&format!("set server {server} addr {ip} port {port}")).await;
            if backend == CHECKED {
                self.says_to(&format!("set server {server} check-port {check}")).await;
            }
            self.says_to(&format!("set server {server} state ready")).await;
        }
    }

    /// Knows an instance no more, so that another can have its place.
    pub(crate) async fn forgets(&mut self, instance: SocketAddr) {
        let place = self.place(instance);
        for backend in [CHECKED, UNCHECKED] {
            self.says_to(&format!("set server {backend}/{} state maint", name(place))).await;
        }
        self.places[place] = None;
    }

    /// Waits until it knows that an instance is `UP`, or `DOWN`.
    pub(crate) async fn until(&self, instance: SocketAddr, status: &str) {
        let seen = async {
            while self.status(instance).await != status {
                sleep(CHECKS / 10).await;
            }
        };
        within(&format!("haproxy to see {instance} {status}"), seen).await;
    }

    /// What it holds of an instance: `UP`, `DOWN`, or something in between.
    pub(crate) async fn status(&self, instance: SocketAddr) -> String {
        let place = self.place(instance);
        let table = self.ask("show stat").await;
        let (columns, rows) = table.split_once('\n').expect("a table");
        let column = |name| columns.split(',').position(|it| it == name).expect("a column");
        let (backend, server, status) = (column("# pxname"), column("svname"), column("status"));
        let mut rows = rows.lines().map(|row| row.split(',').collect::<Vec<_>>());
        let own = name(place);
        let row = rows
            .find(|row| row.get(backend) == Some(&CHECKED) && row.get(server) == Some(&&*own))
            .expect("a row");
        row[status].to_owned()
    }

    fn place(&self, instance: SocketAddr) -> usize {
        self.places.iter().position(|it| *it == Some(instance)).expect("an instance that it knows")
    }

    /// Gives an order, which has no answer unless something is wrong with it.
    async fn says_to(&self, order: &str) {
        let answer = self.ask(order).await;
        let fine =
            answer.trim().is_empty() || answer.contains("changed") || answer.contains("port");
        assert!(fine, "{order}: {answer}");
    }

    /// Asks at its own socket.
    async fn ask(&self, question: &str) -> String {
        let socket = UnixStream::connect(self.folder.path().join("socket")).await;
        let mut socket = socket.expect("haproxy runs");
        socket.write_all(format!("{question}\n").as_bytes()).await.expect("sent");
        let mut answer = String::new();
        within("haproxy to answer", socket.read_to_string(&mut answer)).await.expect("an answer");
        answer
    }
}

/// How HAProxy calls a place.
fn name(place: usize) -> String {
    format!("instance{}", place + 1)
}

fn settings(address: SocketAddr, folder: &str) -> String {
    let defaults = RECIPE.split_once("\ndefaults\n").expect("defaults").1;
    let defaults = defaults.split_once("\nfrontend ").expect("a frontend").0;
    let (source, checks) = (Ipv4Addr::from(BALANCER), CHECKS.as_millis());
    format!(
        "global
    stats socket {folder}/socket level admin
    maxconn 2000

defaults
{defaults}

frontend login
    bind {address}
    option forwardfor
    use_backend {UNCHECKED} if {{ nbsrv({CHECKED}) lt 1 }}
    default_backend {CHECKED}

backend {UNCHECKED}
    balance roundrobin
    option redispatch 1
    retries 3
    source {source}
    server-template instance {PLACES} 127.0.0.1:1 disabled

backend {CHECKED}
    balance roundrobin
    option redispatch 1
    retries 3
    option httpchk GET /readyz
    http-check expect status 200
    timeout check 3s
    source {source}
    default-server check inter {checks}ms fall 1 rise 1
    server-template instance {PLACES} 127.0.0.1:1 disabled
"
    )
}
