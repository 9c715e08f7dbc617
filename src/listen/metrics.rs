// SPDX-License-Identifier: EUPL-1.2
//! The metrics, and their page for Prometheus. `app` builds one `Metrics` and hands it down.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::labelled::{Labelled, escape};
use crate::deliver::faults::{HopFault, HopFaults};
use crate::directory::Class;
use crate::pipeline::limits::LimitFigure;
use crate::policy::verdict::Disposition;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Sets what is counted elsewhere; a count never falls.
    pub fn raise_to(&self, n: u64) {
        self.0.fetch_max(n, Relaxed);
    }

    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }
    /// Counts one for as long as what comes back lives, however its end comes about.
    pub fn enter(&self) -> impl Drop + '_ {
        self.add(1);
        Entered(self)
    }
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

struct Entered<'a>(&'a Gauge);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// Bounds of the buckets in microseconds: from a cached verdict to the deadline of decision D4.
const BUCKETS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000, 15_000_000, 45_000_000];

/// How long something took.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BUCKETS.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.count.fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }
}

const CLASSES: [(Class, &str); 5] = [
    (Class::Own, "own"),
    (Class::Partner, "partner"),
    (Class::PrivateWebmail, "private-webmail"),
    (Class::Disposable, "disposable"),
    (Class::Other, "other"),
];

/// Which listener answered, as log and metrics name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    Smtp,
    Milter,
    Http,
}

impl Listener {
    pub fn as_str(self) -> &'static str {
        match self {
            Listener::Smtp => "smtp",
            Listener::Milter => "milter",
            Listener::Http => "http",
        }
    }
}

/// Everything we count.
#[derive(Debug, Default)]
pub struct Metrics {
    mails: [Counter; 6],
    recipients: [[Counter; 5]; 6],
    observed: [Counter; 6],
    /// Copies by the rules that decided about them, and by the sender's unit, of which the topmost counts.
    pub by_rule: Labelled,
    pub by_unit: Labelled,
    /// Counted by whoever speaks with the next hop.
    pub hop_faults: Arc<HopFaults>,
    refused: Mutex<BTreeMap<(Listener, u16), u64>>,
    /// Bytes of message content received.
    pub bytes: Counter,
    pub sessions: Counter,
    pub sessions_open: Gauge,
    /// Bytes of message content in memory now.
    pub content_in_flight: Gauge,
    /// Times a mail was refused because that memory was used up.
    pub memory_refusals: Counter,
    /// Transactions put off because every connection to the next hop was in use.
    pub pool_waits_expired: Counter,
    /// From the final dot to the reply to the client, the next hop included.
    pub inspection: Histogram,
    /// Copies in the quarantine now.
    pub held: Gauge,
    /// Mails in the outbox now.
    pub outbox: Gauge,
    /// Bytes of held mail on the disk, and those free there.
    pub store_used: Gauge,
    pub store_free: Gauge,
    pub journal_dropped: Counter,
    /// Rows of the journal that were wanted and could not be read.
    pub journal_damaged: Counter,
    pub log_dropped: Counter,
    /// Documents whose worker crashed or ran over its budget.
    pub worker_kills: Counter,
    /// Mails in which a step of reading crashed.
    pub reading_crashes: Counter,
    /// Bulk sends that were flagged, and mails of flagged ones.
    pub campaigns_flagged: Counter,
    pub campaign_mails: Counter,
    /// Flagged bulk sends that nobody has decided.
    pub campaigns_waiting: Gauge,
    /// Parts of a worker's sandbox that this kernel refuses.
    pub worker_unprotected: Gauge,
    pub reloads: Counter,
    pub reloads_refused: Counter,
    /// 1 while the whole policy only observes (decision D24).
    pub observing: Gauge,
    policy_version: Mutex<String>,
    limits: Mutex<Vec<LimitFigure>>,
}

impl Metrics {
    /// Counts one mail by its strongest disposition.
    pub fn mail(&self, disposition: Disposition) {
        self.mails[disposition as usize].add(1); // six dispositions, six counters
    }

    /// Counts one copy that rules which only observe would have treated so.
    pub fn observed(&self, disposition: Disposition) {
        self.observed[disposition as usize].add(1); // six dispositions, six counters
    }

    /// Counts one recipient's copy.
    pub fn recipient(&self, disposition: Disposition, class: Class) {
        self.recipients[disposition as usize][class as usize].add(1); // six by five, as the enums
    }

    /// Counts one refusal by this listener, with its protocol's code; 0 where it closed without a word.
    pub fn refused(&self, listener: Listener, code: u16) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner).entry((listener, code)).or_default() += 1;
    }

    /// Names the policy in force, as label of `octroi_policy_info`.
    pub fn set_policy_version(&self, version: &str) {
        let mut current = self.policy_version.lock().unwrap_or_else(PoisonError::into_inner);
        version.clone_into(&mut current);
    }

    /// How often each limit was met, as the limits say.
    pub fn set_limits(&self, figures: Vec<LimitFigure>) {
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = figures;
    }

    /// The page in Prometheus' text format 0.0.4.
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(8192);
        // Writing to a String cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        head(out, "octroi_mails_total", "counter", "Mails, by their strongest disposition.")?;
        for (disposition, counter) in Disposition::ALL.iter().zip(&self.mails) {
            writeln!(out, "octroi_mails_total{{disposition=\"{}\"}} {}", disposition.as_str(), counter.get())?;
        }
        let copies = "Copies (one for each recipient), by disposition and class of the recipient.";
        head(out, "octroi_recipients_total", "counter", copies)?;
        for (disposition, row) in Disposition::ALL.iter().zip(&self.recipients) {
            for ((_, class), counter) in CLASSES.iter().zip(row) {
                let labels = format_args!("disposition=\"{}\",class=\"{class}\"", disposition.as_str());
                writeln!(out, "octroi_recipients_total{{{labels}}} {}", counter.get())?;
            }
        }
        head(out, "octroi_rule_copies_total", "counter", "Copies, by the rules that decided, or would have.")?;
        self.by_rule.write(out, "octroi_rule_copies_total", "rule")?;
        head(out, "octroi_unit_copies_total", "counter", "Copies, by the topmost unit of the sender; - if unknown.")?;
        self.by_unit.write(out, "octroi_unit_copies_total", "unit")?;
        head(out, "octroi_next_hop_errors_total", "counter", "Errors of the next hop, by kind.")?;
        for fault in HopFault::ALL {
            let (kind, count) = (fault.as_str(), self.hop_faults.get(fault));
            writeln!(out, "octroi_next_hop_errors_total{{kind=\"{kind}\"}} {count}")?;
        }
        for (name, help, counter) in [
            ("octroi_content_bytes_total", "Bytes of message content received.", &self.bytes),
            ("octroi_sessions_total", "SMTP sessions opened.", &self.sessions),
            (
                "octroi_pool_refusals_total",
                "Mails put off because every connection to the next hop was in use.",
                &self.pool_waits_expired,
            ),
            ("octroi_memory_refusals_total", "Mails refused because memory was used up.", &self.memory_refusals),
            ("octroi_journal_dropped_total", "Journal entries lost.", &self.journal_dropped),
            (
                "octroi_journal_damaged_total",
                "Journal rows that were wanted and could not be read.",
                &self.journal_damaged,
            ),
            ("octroi_log_dropped_total", "Log lines lost because the output was too slow.", &self.log_dropped),
            ("octroi_worker_kills_total", "Workers that crashed or exceeded a limit.", &self.worker_kills),
            ("octroi_reading_crashes_total", "Mails that made a step of reading crash.", &self.reading_crashes),
            (
                "octroi_campaigns_flagged_total",
                "Bulk sends that use a list outside its purposes.",
                &self.campaigns_flagged,
            ),
            ("octroi_campaign_mails_total", "Mails of flagged bulk sends, each attempt.", &self.campaign_mails),
            ("octroi_reloads_total", "Reloads of settings, policies and certificates.", &self.reloads),
            ("octroi_reloads_refused_total", "Reloads refused because of errors.", &self.reloads_refused),
        ] {
            head(out, name, "counter", help)?;
            writeln!(out, "{name} {}", counter.get())?;
        }
        for (name, help, gauge) in [
            ("octroi_campaigns_waiting", "Flagged bulk sends that nobody has decided.", &self.campaigns_waiting),
            ("octroi_sessions_open", "SMTP sessions open now.", &self.sessions_open),
            ("octroi_content_in_flight_bytes", "Bytes of message content in memory now.", &self.content_in_flight),
            ("octroi_held", "Copies in the quarantine now.", &self.held),
            ("octroi_outbox", "Mails in the outbox now.", &self.outbox),
            ("octroi_store_used_bytes", "Bytes of held mail on the disk.", &self.store_used),
            ("octroi_store_free_bytes", "Bytes free on the fuller of the store's disks.", &self.store_free),
            (
                "octroi_worker_unprotected",
                "Parts of the sandbox of workers that the kernel refuses; 0 is right.",
                &self.worker_unprotected,
            ),
            ("octroi_observing", "1 while octroi only observes, else 0.", &self.observing),
        ] {
            head(out, name, "gauge", help)?;
            writeln!(out, "{name} {}", gauge.get())?;
        }
        let refusals = "Connections, commands, mails and pages refused, by listener and code; 0 without a word.";
        head(out, "octroi_refusals_total", "counter", refusals)?;
        for ((listener, code), count) in self.refused.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let listener = listener.as_str();
            writeln!(out, "octroi_refusals_total{{listener=\"{listener}\",code=\"{code}\"}} {count}")?;
        }
        head(out, "octroi_observed_total", "counter", "Copies, by what rules that only observe would do.")?;
        for disposition in Disposition::ALL.into_iter().filter(|disposition| *disposition != Disposition::Pass) {
            let count = self.observed[disposition as usize].get();
            writeln!(out, "octroi_observed_total{{disposition=\"{}\"}} {count}", disposition.as_str())?;
        }
        head(out, "octroi_limit_met_total", "counter", "Times a limit was reached, by result.")?;
        for figure in self.limits.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (result, count) in [("refused", figure.refused), ("observed", figure.observed)] {
                let limit = escape(&figure.limit);
                writeln!(out, "octroi_limit_met_total{{limit=\"{limit}\",result=\"{result}\"}} {count}")?;
            }
        }
        self.write_inspection(out)?;
        let version = self.policy_version.lock().unwrap_or_else(PoisonError::into_inner);
        head(out, "octroi_policy_info", "gauge", "The version of the policies in force.")?;
        writeln!(out, "octroi_policy_info{{version=\"{}\"}} 1", escape(&version))?;
        head(out, "octroi_build_info", "gauge", "The running version of octroi.")?;
        writeln!(out, "octroi_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))
    }

    fn write_inspection(&self, out: &mut String) -> fmt::Result {
        let name = "octroi_inspection_seconds";
        head(
            out,
            name,
            "histogram",
            "Time from the final dot of a message to the reply to the client, the next hop included.",
        )?;
        let mut below = 0;
        for (bound, bucket) in BUCKETS.iter().zip(&self.inspection.buckets) {
            below += bucket.load(Relaxed);
            #[allow(clippy::cast_precision_loss)] // bounds are small
            let seconds = *bound as f64 / 1e6;
            writeln!(out, "{name}_bucket{{le=\"{seconds}\"}} {below}")?;
        }
        // A reader between two additions may see a bucket before the count; Prometheus wants +Inf to be the largest.
        let count = self.inspection.count.load(Relaxed).max(below);
        let sum = Duration::from_micros(self.inspection.sum_us.load(Relaxed)).as_secs_f64();
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}")
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_land_under_their_own_labels() {
        for (at, disposition) in Disposition::ALL.into_iter().enumerate() {
            assert_eq!(disposition as usize, at);
        }
        for (at, (class, _)) in CLASSES.into_iter().enumerate() {
            assert_eq!(class as usize, at);
        }
        let metrics = Metrics::default();
        metrics.mail(Disposition::Quarantine);
        metrics.recipient(Disposition::Quarantine, Class::PrivateWebmail);
        metrics.recipient(Disposition::Pass, Class::Own);
        metrics.hop_faults.note(HopFault::TimedOut, &"a test");
        metrics.set_policy_version("a\"b");
        metrics.set_limits(vec![LimitFigure { limit: "hourly".into(), refused: 3, observed: 0 }]);
        metrics.sessions_open.add(2);
        metrics.sessions_open.add(-1);
        let page = metrics.render();
        for line in [
            "octroi_mails_total{disposition=\"quarantine\"} 1",
            "octroi_recipients_total{disposition=\"quarantine\",class=\"private-webmail\"} 1",
            "octroi_recipients_total{disposition=\"pass\",class=\"own\"} 1",
            "octroi_recipients_total{disposition=\"pass\",class=\"other\"} 0",
            "octroi_next_hop_errors_total{kind=\"timed-out\"} 1",
            "octroi_policy_info{version=\"a\\\"b\"} 1",
            "octroi_sessions_open 1",
            "octroi_limit_met_total{limit=\"hourly\",result=\"refused\"} 3",
            "octroi_limit_met_total{limit=\"hourly\",result=\"observed\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn a_histogram_is_cumulative_and_complete() {
        let metrics = Metrics::default();
        for us in [50, 51, 100, 60_000_000] {
            metrics.inspection.observe(Duration::from_micros(us));
        }
        let page = metrics.render();
        assert!(page.contains("octroi_inspection_seconds_bucket{le=\"0.00005\"} 1\n"), "{page}");
        assert!(page.contains("octroi_inspection_seconds_bucket{le=\"0.0001\"} 3\n"));
        assert!(page.contains("octroi_inspection_seconds_bucket{le=\"45\"} 3\n"));
        assert!(page.contains("octroi_inspection_seconds_bucket{le=\"+Inf\"} 4\n"));
        assert!(page.contains("octroi_inspection_seconds_count 4\n"));
        assert!(page.contains("octroi_inspection_seconds_sum 60.000201\n"));
    }

    #[test]
    fn every_sample_follows_its_type() {
        let page = Metrics::default().render();
        let mut typed = String::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                typed = rest.split(' ').next().unwrap().to_owned();
            } else if !line.starts_with('#') {
                assert!(line.starts_with(&typed), "{line} stands under {typed}");
                let value = line.rsplit(' ').next().unwrap();
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
    }
}
