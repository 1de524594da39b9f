//! A way to Redis on which everything takes its time, or nothing arrives at all for a while.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// A way that is there until the test ends.
pub(crate) struct SlowWay {
    address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy)]
struct State {
    /// How long each byte is on the way; nothing for a way that lets nothing through.
    delay: Option<Duration>,
    /// Subscriptions that are older than this hear nothing any more, and stand.
    wedged: usize,
}

/// One of the connections: the number of its subscription, if it is one.
#[derive(Clone, Default)]
struct Subscription(Arc<OnceLock<usize>>);

impl Subscription {
    fn is_wedged(&self, state: &State) -> bool {
        self.0.get().is_some_and(|number| *number < state.wedged)
    }
}

impl SlowWay {
    /// A way to this port.
    pub(crate) async fn to(port: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (sender, state) = watch::channel(State { delay: Some(delay), wedged: 0 });
        let subscriptions = Arc::<AtomicUsize>::default();
        tokio::spawn(async move {
            loop {
                let (here, _) = listener.accept().await.expect("a connection");
                let there = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
                let there = there.expect("redis-server");
                for end in [&here, &there] {
                    end.set_nodelay(true).expect("a socket");
                }
                let ((read, write), (far_read, far_write)) =
                    (here.into_split(), there.into_split());
                let (own, all) = (Subscription::default(), Arc::clone(&subscriptions));
                let seen = {
                    let own = own.clone();
                    move |bytes: &[u8]| {
                        if bytes.windows(9).any(|word| word == b"SUBSCRIBE") {
                            own.0.get_or_init(|| all.fetch_add(1, Ordering::SeqCst));
                        }
                    }
                };
                tokio::spawn(carry(read, far_write, state.clone(), Subscription::default(), seen));
                tokio::spawn(carry(far_read, write, state.clone(), own, |_| {}));
            }
        });
        Self { address, state: sender }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// From now on each byte takes so long; with nothing, none arrives until it is told otherwise.
    pub(crate) fn takes(&self, delay: Option<Duration>) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// The first so many subscriptions hear nothing from now on; their connections stand.
    pub(crate) fn wedges_subscriptions(&self, first: usize) {
        self.state.send_modify(|state| state.wedged = first);
    }
}

/// Carries bytes, each after its time on the way. A distance, not a narrow pipe: any number may be on
/// the way at once.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    own: Subscription,
    seen: impl Fn(&[u8]) + Send + 'static,
) {
    let (sent, mut arriving) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from.read(&mut bytes).await {
            seen(&bytes[..n]);
            if sent.send((Instant::now(), bytes[..n].to_vec())).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = arriving.recv().await {
            let open = |state: &State| state.delay.is_some() && !own.is_wedged(state);
            let Ok(open) = state.wait_for(open).await.map(|it| it.delay) else { return };
            sleep_until(at + open.unwrap_or_default()).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(reading, writing);
}
