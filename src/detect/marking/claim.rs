// SPDX-License-Identifier: EUPL-1.2
//! Tells whose marking a wording is that several vocabularies know.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::language;
use crate::detect::reading::text::Text;
use crate::detect::reading::vocabulary::{Scheme, Strength};

/// What tells one vocabulary from another in this mail, found out once.
pub(super) struct Claims<'a> {
    inspection: &'a Inspection<'a>,
    /// The vocabularies at home in the domains of the house.
    countries: OnceCell<Vec<usize>>,
    /// The language of the longest text of the body.
    spoken: OnceCell<Option<&'static str>>,
}

impl<'a> Claims<'a> {
    pub(super) fn new(inspection: &'a Inspection<'a>) -> Claims<'a> {
        Claims { inspection, countries: OnceCell::new(), spoken: OnceCell::new() }
    }

    /// The level a wording stands for: of the vocabulary that the text names, else of the sender's own domain, else of the
    /// country of all own domains, else of the language it is written in, else the first as the files are ordered.
    pub(super) fn level(&self, text: &Text, phrases: &[usize]) -> usize {
        let markings = &self.inspection.tables.markings;
        let level = |phrase: usize| markings.phrases[phrase].level;
        let first = phrases.first().copied().map_or(0, level);
        if phrases.len() < 2 {
            return first;
        }
        let scheme = |phrase: usize| &markings.schemes[markings.levels[level(phrase)].scheme];
        let cites = |phrase: &usize| scheme(*phrase).evidence.iter().any(|words| text.normal.contains(words.as_str()));
        if let Some(cited) = phrases.iter().copied().find(cites) {
            return level(cited);
        }
        let sender =
            self.inspection.evidence.sender.mailbox.as_ref().map(|mailbox| mailbox.domain().as_str().to_owned());
        let sender = sender.as_deref().unwrap_or("");
        let at_home = phrases.iter().copied().filter_map(|phrase| Some((home(scheme(phrase), sender)?, phrase)));
        if let Some((_, phrase)) = at_home.max_by_key(|(at, _)| *at) {
            return level(phrase);
        }
        // An administration of one country writes the markings of that country, whatever domain a mail names.
        if !markings.schemes.iter().any(|scheme| home(scheme, sender).is_some()) {
            let country = |phrase: &usize| self.countries() == [markings.levels[level(*phrase)].scheme];
            if let Some(phrase) = phrases.iter().copied().find(country) {
                return level(phrase);
            }
        }
        // A vocabulary without a home is usage: whose word it is by law nobody can tell.
        let usage = phrases.iter().copied().find(|&phrase| scheme(phrase).home.is_empty());
        let specific = phrases.iter().copied().find(|&phrase| markings.phrases[phrase].strength == Strength::Specific);
        let in_its_language = || {
            let language = language::guess(&text.original).or_else(|| self.spoken())?;
            let rank = |phrase: &usize| scheme(*phrase).languages.iter().position(|known| known == language);
            phrases.iter().copied().filter(|phrase| rank(phrase).is_some()).min_by_key(|phrase| rank(phrase))
        };
        specific.or(usage).or_else(in_its_language).map_or(first, level)
    }

    fn countries(&self) -> &[usize] {
        self.countries.get_or_init(|| {
            let schemes = &self.inspection.tables.markings.schemes;
            let of = |domain: &String| schemes.iter().position(|scheme| home(scheme, domain).is_some());
            let countries: BTreeSet<usize> = self.inspection.tables.own.iter().filter_map(of).collect();
            countries.into_iter().collect()
        })
    }

    fn spoken(&self) -> Option<&'static str> {
        *self.spoken.get_or_init(|| {
            let texts = self.inspection.body_texts().map(|(_, text)| text);
            texts.max_by_key(|text| text.original.len()).and_then(|text| language::guess(&text.original))
        })
    }
}

/// How near to the root of the domain name a label stands that speaks for the vocabulary: the nearer, the stronger.
fn home(scheme: &Scheme, domain: &str) -> Option<usize> {
    let labels: Vec<&str> = domain.split('.').collect();
    labels.iter().rposition(|label| scheme.home.iter().any(|home| home == label))
}
