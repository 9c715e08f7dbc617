// SPDX-License-Identifier: EUPL-1.2
//! `octroi test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;

use super::print;
use crate::app::{self, Registered};
use crate::deliver::deadline::{Deadline, PROMISE};
use crate::diagnostic::Diagnostics;
use crate::mail::Client;
use crate::pipeline::Ruleset;
use crate::policy::case::{self, Case};
use crate::policy::{CampaignFacts, Mode};

/// Run the policy tests: every case in policies/tests
///
/// It judges as in mode "enforce", whatever the settings say.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi test --policies /etc/octroi/policies")]
pub struct Args {
    /// Use this policy folder and not the one of the settings
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
}

pub fn run(args: &Args, config: Option<&Path>) -> ExitCode {
    super::conclude(test(args, config))
}

fn test(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Ok(loaded) = super::settings(config) else { return Ok(ExitCode::FAILURE) };
    print::judges_as_enforcing(&loaded.settings);
    let policies = args.policies.as_deref().unwrap_or(&loaded.settings.policies.path);
    let files = app::read_policies(policies)?;
    let cases = cases(&files)?;
    let runtime = super::runtime()?;
    let inspector =
        runtime.block_on(async { app::inspector(&loaded.settings, policies, Registered::default(), Mode::Enforce) })?;
    let mut houses: BTreeMap<&str, Arc<Ruleset>> = BTreeMap::new();
    for house in cases.iter().filter_map(|case| case.house.as_deref()) {
        if !houses.contains_key(house) {
            let ruleset = app::ruleset_for(&files, house, policies, Mode::Enforce)?;
            houses.insert(house, Arc::new(ruleset));
        }
    }
    let own = inspector.ruleset.load_full();
    let report = case::run(&cases, |case| {
        // Each was read above.
        let house = case.house.as_deref().and_then(|house| houses.get(house));
        inspector.ruleset.store(house.unwrap_or(&own).clone());
        let path = format!("tests/mail/{}", case.mail);
        let content = files.get(&path).ok_or_else(|| format!("there is no {path}"))?;
        let envelope = app::scan::envelope_of(case.from.clone(), case.to.clone());
        let at = case.at.unwrap_or_else(Timestamp::now);
        let inspected = runtime
            .block_on(inspector.inspect(&envelope, &Client::default(), content, at, Deadline::after(PROMISE)))
            .map_err(|fault| fault.to_string())?;
        let judged = inspector.judge(inspected, &CampaignFacts::default()).map_err(|fault| fault.to_string())?;
        Ok(app::scan::became(&envelope, &judged))
    });
    print::line(&report)?;
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every case of `tests/*.toml`, or all faults in them.
fn cases(files: &BTreeMap<String, Vec<u8>>) -> anyhow::Result<Vec<Case>> {
    let (mut cases, mut faults) = (Vec::new(), Vec::new());
    let is_case = |path: &str| {
        let name = path.strip_prefix("tests/").and_then(|name| name.strip_suffix(".toml"));
        name.is_some_and(|name| !name.contains('/'))
    };
    for (path, bytes) in files.iter().filter(|(path, _)| is_case(path)) {
        match Case::parse(path, &String::from_utf8_lossy(bytes)) {
            Ok(more) => cases.extend(more),
            Err(more) => faults.extend(more),
        }
    }
    if faults.is_empty() { Ok(cases) } else { anyhow::bail!("{}", Diagnostics(faults)) }
}
