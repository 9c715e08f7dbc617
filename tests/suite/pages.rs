// SPDX-License-Identifier: EUPL-1.2
//! What the project says of itself leads somewhere (decision D42): every decision named is defined, every page named is
//! there, every relative link of a page ends at a file and a heading.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use octroi::config::keys;
use octroi::listen::metrics::Metrics;
use regex::Regex;

const DECISIONS: &str = "docs/decisions.md";
/// This file names what is broken, on purpose.
const SELF: &str = "tests/suite/pages.rs";
/// Where people and programs read; the rest of the folder is build output.
const FOLDERS: [&str; 5] = ["src", "tests", "policies", "deploy", "docs"];
/// Stand for a name of the reader's own.
const PLACEHOLDERS: [&str; 2] = ["NAME", "LANGUAGE"];

/// Path from the project's root to text; `None` for what is no text.
type Project = BTreeMap<String, Option<String>>;

/// A decision: `D12`, `D1c`. Base64 and the like stand in `.eml` files, which are not read.
static DECISION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bD([1-9][0-9]?)[a-e]?\b").expect("a pattern"));
static DEFINED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^#+ D([0-9]+) ").expect("a pattern"));
static PAGE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9_./{}<>*-]+\.md\b").expect("a pattern"));
static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^()\s]+)\)").expect("a pattern"));

#[test]
fn what_is_referred_to_is_there() {
    let project = read(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(project.len() > 300, "the project was not found");
    let defined = defined(&project);
    assert!(defined.len() >= 43 && defined.iter().copied().eq(1..=defined.len()), "{DECISIONS} defines {defined:?}");
    let faults = faults(&project);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The contract calls built what is built, and monitoring names what is counted.
#[test]
fn settings_and_metrics_are_told() {
    let page = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a page");
    let name = Regex::new("`([a-z_]+)`").expect("a pattern");
    let mut told = BTreeSet::new();
    for line in page("docs/contract.md").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, section, built, ..] = cells[..] else { continue };
        let Some(section) = section.strip_prefix("`[").and_then(|rest| rest.strip_suffix("]`")) else { continue };
        told.extend(name.captures_iter(built).map(|found| format!("{section}.{}", &found[1])));
    }
    let accounts = |path: &&str| *path != "cli.accounts"; // a table of its own
    let settings: BTreeSet<String> =
        keys::all().iter().map(|key| key.path).filter(accounts).map(str::to_owned).collect();
    assert_eq!(told, settings, "the settings that docs/contract.md calls built, and those of src/config/keys.rs");

    let counted = Metrics::default().render();
    let counted: BTreeSet<&str> =
        counted.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let monitoring = page("docs/operations/monitoring.md");
    let metric = Regex::new("octroi_[a-z_]+").expect("a pattern");
    let told: BTreeSet<&str> = metric.find_iter(&monitoring).map(|found| found.as_str()).collect();
    assert_eq!(told, counted, "the metrics that docs/operations/monitoring.md names, and those of /metrics");
}

#[test]
fn every_kind_of_dead_end_is_seen() {
    let with = |path: &str, text: &str| {
        let pages = [
            (DECISIONS, "# Decisions\n\n### D1 Settling\n\n### D2 SMTP cannot\n"),
            (
                "docs/operations/backup.md",
                "# Backup\n\n## What to copy\n\n## `octroi find`: where?\n\n## Twice\n\n## Twice\n",
            ),
            ("policies/notices/README.md", "# Texts\n"),
            ("docs/photo.png", ""),
            (path, text),
        ];
        let text = |(path, text): (&str, &str)| (path.to_owned(), Some(text.to_owned()).filter(|t| !t.is_empty()));
        faults(&pages.map(text).into())
    };
    for (path, text, expected) in [
        ("src/a.rs", "// Held first (decision D3).", "src/a.rs:1: D3 is not defined"),
        ("src/a.rs", "const WHY: &str = \"decision D31\";", "src/a.rs:1: D31 is not defined"),
        ("deploy/a.cf", "# fine\n# decisions D1, D2 and D12", "deploy/a.cf:2: D12 is not defined"),
        ("README.md", "Refused (D4c).", "README.md:1: D4 is not defined"),
        ("src/a.rs", "//! Standards: `contract.md`.", "src/a.rs:1: there is no page contract.md"),
        ("src/a.rs", "let help = \"see docs/operations/bakcup.md\";", "no page docs/operations/bakcup.md"),
        ("tests/run", "# docs/style.md says how", "no page docs/style.md"),
        ("docs/a.md", "The figures are in `performance.md`.", "no page performance.md"),
        ("README.md", "[settings](docs/settings.toml)", "README.md:1: docs/settings.toml leads nowhere"),
        ("docs/a.md", "See [it](operations/backup.md#what-to-cpoy).", "#what-to-cpoy leads nowhere"),
        ("docs/operations/a.md", "[up](../../backup)", "../../backup leads nowhere"),
        ("docs/a.md", "[above](#nowhere)", "#nowhere leads nowhere"),
        ("docs/a.md", "[picture](photo.png#part)", "photo.png#part leads nowhere"),
    ] {
        let found = with(path, text);
        assert!(found.iter().any(|fault| fault.contains(expected)), "{text}: expected {expected}, found {found:?}");
    }
    for (path, text) in [
        ("src/a.rs", "// Decisions D1b and D2; `docs/operations/backup.md`, `backup.md`, `notices/README.md`."),
        ("src/a.rs", "let path = format!(\"notices/{language}/{name}.md\"); let made = \"notices/xx/y.md\";"),
        ("src/a.rs", "//! `notices/LANGUAGE/NAME.md`, `policies/notices/<lang>/*.md`, AD12, D123, 0xD9"),
        ("deploy/a.service", "Documentation=file:/usr/share/doc/octroi/README.md"),
        (
            "docs/a.md",
            "# A page\n[here](#a-page) [b](operations/backup.md#octroi-find-where) [c](operations/backup.md#twice-1)",
        ),
        (
            "docs/a.md",
            "[folder](operations) [page](operations/) [root](../docs/photo.png) [out](https://example.org/x.md)",
        ),
        ("docs/a.md", "```\n[not](a-link) in code\n```\nnor `[here](b-link)`"),
    ] {
        assert_eq!(with(path, text), Vec::<String>::new(), "{text}");
    }
}

fn read(root: &Path) -> Project {
    let mut project = Project::new();
    let mut waiting: Vec<String> = FOLDERS.map(str::to_owned).to_vec();
    for entry in fs::read_dir(root).expect("the project's root") {
        let entry = entry.expect("a file of ours");
        if entry.file_type().expect("a file of ours").is_file() {
            waiting.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    while let Some(path) = waiting.pop() {
        let at = root.join(&path);
        // What cargo builds, of the fuzz targets too.
        if path.ends_with("/target") {
            continue;
        }
        if at.is_dir() {
            let names = fs::read_dir(&at).expect("a folder of ours").map(|e| e.expect("a file of ours").file_name());
            waiting.extend(names.map(|name| format!("{path}/{}", name.to_string_lossy())));
        } else {
            let text = if path.ends_with(".eml") { None } else { fs::read_to_string(&at).ok() };
            project.insert(path, text);
        }
    }
    project
}

fn defined(project: &Project) -> BTreeSet<usize> {
    let text = project.get(DECISIONS).and_then(Option::as_deref).unwrap_or_default();
    DEFINED.captures_iter(text).filter_map(|found| found[1].parse().ok()).collect()
}

/// Every dead end, one line each: file, line, and what is missing.
fn faults(project: &Project) -> Vec<String> {
    let defined = defined(project);
    let texts = project.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)));
    let mut faults = Vec::new();
    for (path, text) in texts.filter(|(path, _)| *path != SELF && *path != "Cargo.lock") {
        let mut is_code = false;
        for (number, line) in text.lines().enumerate() {
            let mut fault = |what: String| faults.push(format!("{path}:{}: {what}", number + 1));
            for found in DECISION.captures_iter(line) {
                if found[1].parse().is_ok_and(|number| !defined.contains(&number)) {
                    fault(format!("D{} is not defined in {DECISIONS}", &found[1]));
                }
            }
            for name in pages(path, line) {
                if !is_there(project, path, name) {
                    fault(format!("there is no page {name}"));
                }
            }
            if path.ends_with(".md") {
                is_code ^= line.trim_start().starts_with("```");
                for target in links(line).filter(|_| !is_code) {
                    if !leads(project, path, &target) {
                        fault(format!("{target} leads nowhere"));
                    }
                }
            }
        }
    }
    faults
}

/// The pages a line names. Strings of a program name files of any folder: of those only what is in `docs` is a page.
fn pages<'a>(path: &str, line: &'a str) -> impl Iterator<Item = &'a str> {
    let comment = if path.ends_with(".rs") { line.find("//").unwrap_or(line.len()) } else { 0 };
    PAGE.find_iter(line)
        .filter(move |found| found.start() >= comment || found.as_str().starts_with("docs/"))
        .map(|found| found.as_str())
}

fn is_there(project: &Project, from: &str, name: &str) -> bool {
    // Patterns, names of the reader's own, and files of an installed system.
    let is_pattern = name.contains(['{', '}', '<', '>', '*']);
    let mut steps = name.trim_end_matches(".md").split('/');
    if is_pattern || name.starts_with('/') || steps.any(|step| PLACEHOLDERS.contains(&step)) {
        return true;
    }
    let beside = |folder: &str| at(folder, name).is_some_and(|path| project.contains_key(&path));
    let anywhere = || project.keys().any(|path| path.starts_with("docs/") && path.ends_with(&format!("/{name}")));
    ["", folder(from), "docs", "policies"].into_iter().any(beside) || anywhere()
}

/// The targets of the relative links in a line of Markdown.
fn links(line: &str) -> impl Iterator<Item = String> {
    // What stands between back ticks is no link: every other piece.
    let prose: Vec<&str> = line.split('`').step_by(2).collect();
    let found: Vec<String> = LINK.captures_iter(&prose.join("`")).map(|found| found[1].to_owned()).collect();
    found.into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

fn leads(project: &Project, from: &str, target: &str) -> bool {
    let (file, heading) = target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() { Some(from.to_owned()) } else { at(folder(from), file) };
    let Some(path) = path else { return false };
    let below = format!("{path}/");
    match (heading, project.get(&path)) {
        (None, found) => found.is_some() || project.keys().any(|known| known.starts_with(&below)),
        (Some(heading), Some(Some(text))) if path.ends_with(".md") => anchors(text).contains(heading),
        (Some(_), _) => false,
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `target` as seen from `folder`; `None` where it leaves the project.
fn at(folder: &str, target: &str) -> Option<String> {
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/').filter(|step| !step.is_empty() && *step != ".") {
        match step {
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

/// The anchors of a page, as forges make them: letters, digits, `_` and `-` of a heading in lower case, blanks as `-`,
/// and a number behind those that come again.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if is_code || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let lower = heading.trim().to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{anchor}-{n}"));
        let free = std::iter::once(anchor.clone()).chain(again).find(|anchor| !anchors.contains(anchor));
        anchors.extend(free);
    }
    anchors
}
