// SPDX-License-Identifier: EUPL-1.2
//! Detection: one file for each detector, the findings, and the one list of detectors.
//!
//! What must not live here: opinions. A detector says what it found and where; `policy` decides whether it matters.
//! Nothing here reads a file, a clock or a socket, and nothing learns from one mail for the next.
//!
//! How it fails: it does not. Detectors read hostile text within the bounds that `mime` and `document` set. Only the
//! vocabulary of markings and the words of languages can contain errors; loading then gives [`VocabularyError`]s.
//!
//! Standards: header names from RFC 2156, 3834, 4021, 5322 and 7444; check digits name their source next to the code;
//! markings name theirs in `policies/markings/`.

mod address_list;
mod disguised;
mod document;
mod encrypted;
mod finding;
mod forward;
mod invitation;
mod label;
mod link;
mod list_rows;
mod lookalike;
mod malformed;
mod marking;
mod personal_data;
mod private_correspondence;
pub mod reading;
mod self_forward;
mod sender_mismatch;
mod uninspectable;

pub use finding::{Finding, FindingKind};
pub use reading::link_hosts::{LinkHosts, LinkKind};
pub use reading::lookalikes::Lookalikes;
pub use reading::vocabulary::{Markings, VocabularyError};
pub use reading::words::Words;

use crate::lists::Lookup;
use crate::mime::Stop;
use reading::evidence::Evidence;
use reading::inspection::{Inspection, Tables};
use reading::triggers::{Topic, Triggers};

/// The detectors, in the order in which their findings are listed. A new one is one file and one row.
const DETECTORS: &[fn(&Inspection<'_>, &mut Vec<Finding>)] = &[
    forward::detect,
    self_forward::detect,
    marking::detect,
    label::detect,
    link::detect,
    invitation::detect,
    document::detect,
    encrypted::detect,
    disguised::detect,
    uninspectable::detect,
    personal_data::detect,
    address_list::detect,
    list_rows::detect,
    private_correspondence::detect,
    lookalike::detect,
    sender_mismatch::detect,
    malformed::detect,
];

/// All detectors with the tables they share, built once for a version of the policies.
#[derive(Debug)]
pub struct Detectors {
    tables: Tables,
}

impl Detectors {
    pub fn markings(&self) -> &Markings {
        &self.tables.markings
    }

    /// `markings`: the vocabulary of `policies/markings/`; `links`: the hosts of the five link lists; `own`: the
    /// administration's domains, without `*.`; `lookalikes`: the domains worth imitating; `words`: those of
    /// `policies/words/`.
    pub fn new(
        markings: Markings,
        links: LinkHosts,
        own: Vec<String>,
        lookalikes: Lookalikes,
        words: Words,
    ) -> Detectors {
        let forwards = words.triggers.iter().map(|word| (Topic::Forward, word.clone()));
        let identity_cards = personal_data::CIN.iter().map(|word| (Topic::Identity, (*word).to_owned()));
        let dial_in = words.meeting_id.iter().map(|word| (Topic::DialIn, word.clone()));
        let triggers = Triggers::new(&markings, forwards.chain(identity_cards).chain(dial_in));
        let (lists, universal) = (Lookup::default(), Vec::new());
        Detectors { tables: Tables { markings, links, own, lookalikes, words, triggers, lists, universal } }
    }

    /// The same, knowing registered lists; everybody is on those named in `universal`.
    #[must_use]
    pub fn knowing(mut self, lists: Lookup, universal: Vec<String>) -> Detectors {
        (self.tables.lists, self.tables.universal) = (lists, universal);
        self
    }

    /// Administrative lists as they are registered.
    pub fn lists(&self) -> &Lookup {
        &self.tables.lists
    }

    /// The words of mail programs and people, which reading needs as well.
    pub fn words(&self) -> &Words {
        &self.tables.words
    }

    /// Every fact about one mail. Pure: the same evidence gives the same findings in the same order.
    pub fn inspect(&self, evidence: &Evidence<'_>) -> Vec<Finding> {
        self.inspect_until(evidence, &Stop::never())
    }

    /// Only whether the mail is somebody's own affair, for one in which a detector crashed: nobody may read what is
    /// private (decision D20).
    pub fn privacy(&self, evidence: &Evidence<'_>) -> Vec<Finding> {
        let stop = Stop::never();
        let mut findings = Vec::new();
        private_correspondence::detect(&Inspection::new(&self.tables, evidence, &stop), &mut findings);
        findings.iter_mut().for_each(|finding| finding.excerpt = None);
        findings
    }

    /// The same as [`Detectors::inspect`], but ends when told to: what was left out is a finding, never silence (decision D17).
    pub fn inspect_until(&self, evidence: &Evidence<'_>, stop: &Stop<'_>) -> Vec<Finding> {
        let inspection = Inspection::new(&self.tables, evidence, stop);
        let mut findings = Vec::new();
        for detect in DETECTORS.iter().take_while(|_| !stop.now()) {
            detect(&inspection, &mut findings);
        }
        if stop.said() {
            // It costs nothing, and nobody may read what is private (decision D20).
            if !findings.iter().any(|finding| finding.kind == FindingKind::PrivateCorrespondence) {
                private_correspondence::detect(&inspection, &mut findings);
            }
            findings.push(uninspectable::out_of_time());
        }
        // Decision D20: of a private mail only kind and rank are kept.
        if findings.iter().any(|finding| finding.kind == FindingKind::PrivateCorrespondence) {
            findings.iter_mut().for_each(|finding| finding.excerpt = None);
        }
        findings
    }
}
