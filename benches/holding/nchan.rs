//! The yardstick's process: nginx with the Nchan module, one worker, the smallest pools that fit a
//! browser's request, one channel a subscriber.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::measure::Process;

/// Where distributions put the module.
const MODULES: [&str; 3] = [
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/lib64/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
];
const STARTS_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Nchan {
    child: Child,
    pub(crate) addr: SocketAddr,
    dir: TempDir,
}

impl Nchan {
    pub(crate) async fn start(held: usize) -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let module = module().ok_or("the Nchan module is not installed")?;
        std::fs::write(dir.path().join("nginx.conf"), config(&module, dir.path(), addr, held))?;
        let child = command(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("stderr"))?)
            .spawn()?;
        let nchan = Self { child, addr, dir };
        // nginx says nowhere that it is ready, so the only event to wait for is an open port.
        let ready = async {
            while TcpStream::connect(addr).is_err() || nchan.worker().is_none() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(STARTS_WITHIN, ready).await.is_err() {
            let said = std::fs::read_to_string(nchan.dir.path().join("stderr"))?;
            return Err(format!("nginx did not start:\n{said}").into());
        }
        Ok(nchan)
    }

    /// The worker alone: the master does nothing and shares most of its pages with it.
    pub(crate) fn process(&self) -> Process {
        Process::of(self.worker().unwrap_or_else(|| self.child.id()))
    }

    fn worker(&self) -> Option<u32> {
        let master = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
        children.ok()?.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Nchan {
    fn drop(&mut self) {
        // Killing the master would leave its worker behind; the master must be asked to stop.
        let asked = command(self.dir.path()).args(["-s", "stop"]).stderr(Stdio::null()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

pub(crate) fn installed() -> bool {
    module().is_some() && Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_ok()
}

fn module() -> Option<PathBuf> {
    MODULES.iter().map(PathBuf::from).find(|path| path.exists())
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
    command
}

/// nginx closes idle connections once a sixteenth of its places is left, so it has more than it
/// needs. Pings every 15 s and the log of messages are there because saoma does both as well.
fn config(module: &Path, dir: &Path, addr: SocketAddr, held: usize) -> String {
    let (module, dir, room) = (module.display(), dir.display(), held + held / 4);
    format!(
        "load_module {module};
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log error;
events {{ worker_connections {room}; use epoll; }}
http {{
  access_log off;
  keepalive_timeout 3600s;
  keepalive_requests 1000000000;
  connection_pool_size 256;
  request_pool_size 1k;
  client_header_buffer_size 1536;
  client_body_temp_path {dir}/body;
  proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi;
  scgi_temp_path {dir}/scgi;
  nchan_shared_memory_size 512M;
  server {{
    listen {addr} backlog=4096;
    location = /fence {{ return 204; }}
    location ~ ^/pub/(\\w+)$ {{
      nchan_publisher;
      nchan_channel_id $1;
      nchan_message_buffer_length 8;
      nchan_message_timeout 1h;
    }}
    location ~ ^/sub/(\\w+)$ {{
      nchan_subscriber websocket eventsource longpoll;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_subscriber_timeout 1h;
      nchan_websocket_ping_interval 15;
      nchan_eventsource_ping_interval 15;
    }}
  }}
}}
"
    )
}
