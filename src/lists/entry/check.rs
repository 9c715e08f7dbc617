// SPDX-License-Identifier: EUPL-1.2
//! What is wrong with an entry as the house stands: senders that are not ours, templates that are not there.

use std::collections::HashSet;
use std::ops::Range;

use jiff::Timestamp;

use super::{Entry, Purpose, dates};
use crate::diagnostic::Diagnostic;
use crate::lists::template::Template;
use crate::mail::Domain;

/// Fixed words below which a template hardly tells its texts from others.
const FEW_WORDS: usize = 8;

/// Whose a domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Own,
    /// Private webmail and throw-away mail.
    Webmail,
    /// `gouv.fr`, `co.uk`: nobody's.
    PublicSuffix,
    Other,
}

/// What an entry is checked against.
pub struct House<'h> {
    pub standing: &'h dyn Fn(&Domain) -> Standing,
    /// The text of a template by its path below the register's folder.
    pub template: &'h dyn Fn(&str) -> Option<&'h str>,
    /// The paths there are, for suggestions.
    pub templates: &'h [&'h str],
    pub now: Timestamp,
}

/// Everything that is wrong with an entry, or deserves a look.
pub fn check(entry: &Entry, house: &House<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    dates::check(entry, house.now, &mut found);
    match &entry.contact {
        None => {
            let told =
                Diagnostic::of_file(entry.source.name(), "the entry has no `contact`: nobody is told of a misuse");
            found.push(told.help("write contact = \"…\", a mailbox of the house").into_warning());
        }
        Some(contact) if (house.standing)(contact.value.domain()) != Standing::Own => {
            let message = "the contact is outside the house, where no notice is sent";
            found.push(at(entry, &contact.span, message).help("write a mailbox of an own domain").into_warning());
        }
        Some(_) => {}
    }
    for purpose in &entry.purposes {
        Look { entry, purpose, house, found: &mut found }.all();
    }
    found
}

fn at(entry: &Entry, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
    Diagnostic::at(&entry.source, span.clone(), message)
}

/// One purpose while it is looked at.
struct Look<'l, 'h> {
    entry: &'l Entry,
    purpose: &'l Purpose,
    house: &'l House<'h>,
    found: &'l mut Vec<Diagnostic>,
}

impl Look<'_, '_> {
    fn all(&mut self) {
        self.senders();
        self.templates();
        self.recipients();
        let twice = |what: &str| format!("this {what} stands here twice");
        let mut seen = HashSet::new();
        for link in self.purpose.links.iter().filter(|link| !seen.insert(link.value.to_string())) {
            self.found.push(at(self.entry, &link.span, twice("host")).into_warning());
        }
    }

    fn senders(&mut self) {
        let (entry, purpose) = (self.entry, self.purpose);
        if purpose.senders.is_empty() {
            let message = "the purpose has no `senders`: every use of it counts as a misuse";
            let help = "write senders = [\"ne-pas-repondre@espace-agent.gouv.example\"]";
            self.found.push(at(entry, &purpose.span, message).help(help).into_warning());
        }
        let mut seen = HashSet::new();
        for sender in &purpose.senders {
            if (self.house.standing)(sender.value.domain()) != Standing::Own {
                let message = format!("`{}` is not at an own domain", sender.value);
                let help = format!(
                    "write a mailbox of the house, or add `{}` to domains/own.list if it is ours",
                    sender.value.domain()
                );
                self.found.push(at(entry, &sender.span, message).help(help));
            }
            if !seen.insert(sender.value.identity()) {
                self.found.push(at(entry, &sender.span, "this sender stands here twice").into_warning());
            }
        }
    }

    fn templates(&mut self) {
        let (entry, purpose) = (self.entry, self.purpose);
        match (purpose.templates.is_empty(), purpose.is_free) {
            (true, false) => {
                let message = "the purpose has no `templates`: the first text of a sender stands in for one";
                let help = "write templates = [\"modeles/document-disponible.txt\"], or content = \"free\" where words do not bind";
                self.found.push(at(entry, &purpose.span, message).help(help).into_warning());
            }
            (false, true) => {
                let message = "templates bind nothing where content = \"free\"";
                self.found.push(at(entry, &purpose.span, message).help("leave one of the two out").into_warning());
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        for template in &purpose.templates {
            let path = template.value.as_str();
            let Some(text) = (self.house.template)(path) else {
                let fault = at(entry, &template.span, format!("there is no template `{path}`"));
                let help = "put the text there, with {…} for what varies";
                self.found.push(fault.help(help).nearest(path, self.house.templates.iter().copied()));
                continue;
            };
            if !seen.insert(path) {
                self.found.push(at(entry, &template.span, "this template stands here twice").into_warning());
            }
            let words = Template::new(text).fixed_words();
            if words < 2 {
                let message = format!("the template `{path}` has no fixed words, so every text is like it");
                self.found.push(at(entry, &template.span, message).help("write the words that do not vary"));
            } else if words < FEW_WORDS {
                let message = format!("the template `{path}` has only {words} fixed words");
                self.found.push(
                    at(entry, &template.span, message).help("texts of other purposes may be like it").into_warning(),
                );
            }
        }
    }

    fn recipients(&mut self) {
        for recipient in &self.purpose.recipients {
            let is_mailbox = recipient.value.to_string().contains('@');
            let fault = |message: String| at(self.entry, &recipient.span, message);
            match (self.house.standing)(recipient.value.domain()) {
                Standing::Webmail if !is_mailbox => {
                    let message = format!("`{}` is everybody's: anybody could receive rows", recipient.value);
                    self.found.push(fault(message).help("write the one address that may receive rows"));
                }
                Standing::PublicSuffix if !is_mailbox => {
                    let message =
                        format!("`{}` is a public suffix: anybody below it could receive rows", recipient.value);
                    self.found.push(fault(message).help("write the partner's own domain"));
                }
                Standing::Own => {
                    let message = "rows may go to own domains anyway";
                    self.found.push(fault(message.into()).help("leave it out").into_warning());
                }
                _ => {}
            }
        }
    }
}
