// SPDX-License-Identifier: EUPL-1.2
//! Policies and members of lists together, read from the disk: at a reload, and where the desk has registered members.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::members::{Registered, member_store};
use super::{StartError, mode, policies};
use crate::config::{Loaded, Settings};
use crate::desk::Lists;
use crate::listen::metrics::Metrics;
use crate::pipeline::{Pipeline, Ruleset};

/// What mail is to be judged by as things stand on the disk: policies, and members of lists.
pub fn ruleset_of(settings: &Settings, policies: &Path) -> Result<Ruleset, StartError> {
    let files = policies::read(policies)?;
    Ok(policies::ruleset_with(&files, Registered::read(settings)?, policies, mode(settings, Timestamp::now()))?)
}

/// The register at the desk of a gateway: what is imported there counts at once.
pub fn at_the_desk(
    settings: &Settings,
    loaded: Arc<ArcSwap<Loaded>>,
    pipeline: Arc<Pipeline>,
    metrics: Arc<Metrics>,
) -> Lists {
    let judging = pipeline.clone();
    let put_in_force = move || {
        let settings = &loaded.load().settings;
        let ruleset = ruleset_of(settings, &settings.policies.path).map_err(|fault| fault.to_string())?;
        let version = ruleset.policy.version.to_string();
        pipeline.limits.adopt(&ruleset.policy.limits);
        pipeline.inspector.ruleset.store(Arc::new(ruleset));
        metrics.set_policy_version(&version);
        tracing::info!(policy = version, "members of a list were registered, and count");
        Ok(version)
    };
    let ruleset = move || judging.inspector.ruleset.load_full();
    Lists::new(member_store(settings), Arc::new(ruleset), Arc::new(put_in_force))
}
