// SPDX-License-Identifier: EUPL-1.2
//! Periodic tasks: metrics, readiness, expiry, notices and digests, the seal of the audit.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::deliver::next_hop::NextHop;
use crate::listen::capacity::ContentBudget;
use crate::listen::log::Log;
use crate::listen::metrics::Metrics;
use crate::pipeline::{Alarm, Alarms, Pipeline};
use crate::policy;
use crate::store::Store;

/// How often figures are taken for metrics and readiness.
const FIGURES: Duration = Duration::from_secs(2);
/// How often the head of the audit chain is written to the log.
const SEAL: Duration = Duration::from_secs(60 * 60);
/// How often expired things are swept.
const SWEEP: Duration = Duration::from_secs(60);

/// How often the store proves by a write that it can hold (decision D33).
const PROOF: Duration = Duration::from_secs(5);
/// A write that takes so long is none.
const PROOF_AT_MOST: Duration = Duration::from_secs(5);

/// What is watched.
pub(super) struct Watched {
    /// Nothing waits for one if there is no SMTP listener.
    pub hop: Option<Arc<NextHop>>,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub memory: Arc<ContentBudget>,
    pub pipeline: Arc<Pipeline>,
    pub log: Log,
    pub quota_reached: Arc<AtomicBool>,
    pub stop: CancellationToken,
}

/// Keeps the gauges and the readiness true. Waits for nobody but the store: a next hop that hangs must not stop them.
pub(super) async fn watch(watched: Watched) {
    let mut beat = tokio::time::interval(FIGURES);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = watched.stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        if let Some(hop) = &watched.hop {
            watched.metrics.pool_waits_expired.raise_to(hop.crowded());
        }
        let metrics = &watched.metrics;
        let observes = watched.pipeline.inspector.ruleset.load().policy.mode.observes(Timestamp::now());
        if metrics.observing.get() == 1 && !observes {
            tracing::warn!("observing has ended: from now on octroi enforces the policies");
        }
        metrics.observing.set(i64::from(observes));
        metrics.content_in_flight.set(i64::try_from(watched.memory.used()).unwrap_or(i64::MAX));
        metrics.log_dropped.raise_to(watched.log.dropped());
        metrics.set_limits(watched.pipeline.limits.figures());
        let workers = watched.pipeline.inspector.workers.figures();
        metrics.worker_kills.raise_to(workers.kills);
        metrics.reading_crashes.raise_to(watched.pipeline.inspector.crashes.load(Ordering::Relaxed));
        let bulk = watched.pipeline.bulk.figures();
        metrics.campaigns_flagged.raise_to(bulk.flagged.load(Ordering::Relaxed));
        metrics.campaign_mails.raise_to(bulk.braked.load(Ordering::Relaxed));
        metrics.campaigns_waiting.set(i64::try_from(watched.pipeline.bulk.waiting().len()).unwrap_or(i64::MAX));
        metrics.worker_unprotected.set(workers.refused.iter().count() as i64);
        watched.store.look_at_disks();
        match watched.store.figures().await {
            Ok(figures) => {
                watched.quota_reached.store(figures.quota_reached, Ordering::Relaxed);
                metrics.store_used.set(i64::try_from(figures.bytes).unwrap_or(i64::MAX));
                metrics.store_free.set(i64::try_from(figures.free).unwrap_or(i64::MAX));
                metrics.held.set(figures.held as i64);
                metrics.outbox.set(figures.outbox as i64);
                metrics.journal_dropped.raise_to(figures.journal_dropped);
                metrics.journal_damaged.raise_to(figures.journal_damaged);
            }
            Err(error) => tracing::error!(%error, "the store does not answer"),
        }
    }
}

/// Asks the next hop again and again whether it answers, and keeps idle connections young. It may take its time.
pub(super) async fn ask(hop: Arc<NextHop>, away: Arc<AtomicBool>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(FIGURES);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let asked = async {
            hop.sweep().await;
            away.store(hop.answers().await.is_err(), Ordering::Relaxed);
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = asked => {}
        }
    }
}

/// Proves again and again that the store can hold; `away` says what it met last.
pub(super) async fn prove(store: Store, away: Arc<Mutex<Option<String>>>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(PROOF);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let tell = |fault: Option<String>| {
        // A text or none, always whole.
        let mut last = away.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != fault {
            match &fault {
                Some(fault) => tracing::error!(%fault, "the store cannot hold mail"),
                None => tracing::info!("the store can hold mail again"),
            }
            *last = fault;
        }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
        }
        let proof = store.prove(Timestamp::now());
        tokio::pin!(proof);
        let proven = tokio::select! {
            proven = &mut proof => proven,
            () = tokio::time::sleep(PROOF_AT_MOST) => {
                tell(Some("the store takes longer than 5 s for a write".to_owned()));
                // One at a time: what is stuck is waited for.
                tokio::select! {
                    () = stop.cancelled() => return,
                    proven = &mut proof => proven,
                }
            }
        };
        tell(proven.err().map(|error| error.to_string()));
    }
}

/// Everything expires; and the head of the audit chain goes to the log, which stands elsewhere (decision D27).
pub(super) async fn sweep(store: Store, pipeline: Arc<Pipeline>, stop: CancellationToken) {
    let mut beat = tokio::time::interval(SWEEP);
    let mut seal = tokio::time::interval(SEAL);
    let (mut started, mut alarms) = (false, Alarms::default());
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = beat.tick() => {}
            _ = seal.tick() => {
                // The first beat is at the start, where it has just been said.
                if std::mem::replace(&mut started, true) {
                    loud(pipeline.inspector.ruleset.load().policy.mode, Timestamp::now());
                }
                match store.audit_head().await {
                    Ok(head) => tracing::info!(%head, "audit sealed"),
                    Err(error) => tracing::error!(%error, "the audit chain could not be sealed"),
                }
                continue;
            }
        }
        pipeline.limits.forget_idle();
        if let Err(error) = pipeline.bulk.save(&store).await {
            tracing::error!(%error, "what is counted of bulk sends could not be written down");
        }
        pipeline.inspector.workers.forget_old();
        let now = Timestamp::now();
        for Alarm { campaign, hours, deferred } in alarms.due(&pipeline.bulk.waiting(), now) {
            let observed = pipeline.bulk.observes();
            tracing::error!(%campaign, hours, deferred, observed, "a flagged bulk send waits for a decision");
        }
        match store.sweep(now).await {
            Ok(swept) => tracing::debug!(?swept, "swept"),
            Err(error) => tracing::error!(%error, "expired copies and records could not be deleted"),
        }
        if let Err(error) = pipeline.tell_owed(None, now).await {
            tracing::error!(%error, "senders could not be told of mail that was held or refused");
        }
        if let Err(error) = pipeline.send_followups(now).await {
            tracing::error!(%error, "notices about held copies could not be sent");
        }
        match pipeline.digest(now).await {
            Ok(true) => tracing::info!("the digest is on its way"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the digest could not be sent"),
        }
    }
}

/// Says that nothing is held, and until when (decision D24).
pub(super) fn loud(mode: policy::Mode, now: Timestamp) {
    let policy::Mode::Observe { until } = mode else { return };
    if mode.observes(now) {
        let until = until.map_or_else(|| "further notice".to_owned(), |until| until.to_string());
        tracing::warn!(until, "octroi only observes: it holds, notes and refuses nothing");
    }
}
