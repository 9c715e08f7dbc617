// SPDX-License-Identifier: EUPL-1.2
//! One deadline from the final dot to the reply (decision D31), on a clock that only the test moves: a next hop that is
//! slow at any of its phases, a store that does not answer.

mod doors;
mod hop;
mod relay;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How far the clock goes at once while somebody is waited for in vain.
const TICK: Duration = Duration::from_millis(250);
/// How far it may have gone on before the test looks at it.
const LATE: Duration = Duration::from_secs(3);

/// Runs a test with a clock that stands still unless somebody moves it.
fn on_a_standing_clock(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // While a blocking task runs the clock does not move by itself.
        let (end, ended) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ended.recv());
        test.await;
        drop(end);
    });
}

/// Moves the clock on while it is true that nobody will answer.
fn while_stuck(stuck: &Arc<AtomicBool>) {
    let stuck = stuck.clone();
    tokio::spawn(async move {
        loop {
            if stuck.load(Ordering::SeqCst) {
                tokio::time::advance(TICK).await;
            }
            tokio::task::yield_now().await;
        }
    });
}
