//! A browser that wants a code to show: it opens a session and gets the picture.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::try_join_all;
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};

use crate::Outcome;
use crate::browser::page_get;
use crate::control::Control;
use crate::door::Door;

/// What a session says of its code.
#[derive(Deserialize)]
struct Opened {
    code: Code,
}

#[derive(Deserialize)]
struct Code {
    url: String,
}

pub(crate) struct Looker {
    door: Door,
    page: Control,
}

impl Looker {
    pub(crate) async fn at(door: Door, seat: usize) -> Outcome<Self> {
        Ok(Self { door, page: Control::open(door.addr, seat).await? })
    }

    /// Opens a session; the address of its code's picture.
    async fn opens(&mut self) -> Outcome<String> {
        let opened: Opened = self.page.call(&self.door.open_request()).await?.json(201)?;
        Ok(opened.code.url)
    }

    /// Opens a session and gets the picture, to its last byte.
    async fn looks(&mut self) -> Outcome<()> {
        let url = self.opens().await?;
        let here = format!("http://{}", self.door.addr);
        let path = url.strip_prefix(&here).ok_or_else(|| format!("a picture at {url}"))?;
        self.page.call(&page_get(self.door, path)).await?.picture()
    }
}

/// Lets browsers come at a fixed rate, whatever became of those before; how long it took each from
/// its request to the whole picture.
pub(crate) async fn steadily(door: Door, count: usize, per_second: u32) -> Outcome<Vec<Duration>> {
    let period = Duration::from_secs(1) / per_second;
    let begin = Instant::now() + period;
    let lookers = (0..count).map(|seat| async move {
        sleep_until(begin + period * u32::try_from(seat)?).await;
        let mut looker = Looker::at(door, seat).await?;
        let start = Instant::now();
        looker.looks().await?;
        Outcome::Ok(start.elapsed())
    });
    try_join_all(lookers).await
}

/// What somebody in a rush is after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Picture,
    Session,
}

/// Lets so many browsers come one after the other at so many places; how long it took all of them.
pub(crate) async fn rush(
    door: Door,
    count: usize,
    at_once: usize,
    after: After,
) -> Outcome<Duration> {
    let mut places = Vec::new();
    for seat in 0..at_once {
        places.push(Looker::at(door, seat).await?);
    }
    let (left, start) = (Cell::new(count), Instant::now());
    let left = &left;
    let lookers = places.into_iter().map(|mut looker| async move {
        while let Some(others) = left.get().checked_sub(1) {
            left.set(others);
            match after {
                After::Picture => looker.looks().await?,
                After::Session => drop(looker.opens().await?),
            }
        }
        Outcome::Ok(())
    });
    try_join_all(lookers).await?;
    Ok(start.elapsed())
}
