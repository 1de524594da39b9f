//! What breaks, told as stories: three instances as processes, a balancer before them and a real
//! redis-server behind them. Whatever of it goes away and comes back, no event is lost, none is told
//! twice, and every login comes to its end.

#[path = "../support/mod.rs"]
mod support;

mod fleet;
mod insisting;
mod killed;
mod latency;
mod redis_away;
mod slow;
mod storm;
