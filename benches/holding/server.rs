//! A server under measurement: which one, how it is started, and the words both have in common.

use std::fmt;

use clap::ValueEnum;
use serde::Serialize;

use crate::door::Door;
use crate::measure::Process;
use crate::nchan::Nchan;
use crate::saoma::Saoma;
use crate::{Outcome, args::Plan};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub(crate) enum Kind {
    Saoma,
    Nchan,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Saoma => "saoma",
            Self::Nchan => "nchan",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
pub(crate) enum Transport {
    #[value(name = "websocket")]
    WebSocket,
    Sse,
    LongPoll,
}

impl Transport {
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::LongPoll];
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::LongPoll => "long-poll",
        })
    }
}

/// A running server; it ends when this is dropped.
pub(crate) enum Server {
    Saoma(Saoma),
    Nchan(Nchan),
}

impl Server {
    pub(crate) async fn start(kind: Kind, plan: &Plan) -> Outcome<Self> {
        Ok(match kind {
            Kind::Saoma => Self::Saoma(Saoma::start(None, None)?),
            Kind::Nchan => Self::Nchan(Nchan::start(plan.many).await?),
        })
    }

    pub(crate) fn door(&self) -> Door {
        match self {
            Self::Saoma(saoma) => Door { kind: Kind::Saoma, addr: saoma.addr },
            Self::Nchan(nchan) => Door { kind: Kind::Nchan, addr: nchan.addr },
        }
    }

    pub(crate) fn process(&self) -> Process {
        match self {
            Self::Saoma(saoma) => saoma.process(),
            Self::Nchan(nchan) => nchan.process(),
        }
    }
}
