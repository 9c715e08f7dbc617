// SPDX-License-Identifier: EUPL-1.2
//! The house's stock of canaries: mailboxes of its own, one a line, `#` begins a comment.
//!
//! What is said of a stock names lines, never addresses.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::Draw;
use crate::diagnostic::{Diagnostic, Source};
use crate::mail::{Domain, Identity, Mailbox};

/// Words that give a canary away.
const TELLING: [&str; 12] =
    ["canary", "canari", "kanarie", "trap", "piege", "octroi", "test", "seed", "temoin", "honeypot", "decoy", "dummy"];

/// Mailboxes to plant.
#[derive(Clone, Default)]
pub struct Stock {
    pub mailboxes: Vec<Mailbox>,
}

/// How many, not which.
impl fmt::Debug for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mailboxes", self.mailboxes.len())
    }
}

impl Stock {
    /// Reads the stock; lines without a fault are kept.
    pub fn parse(path: &str, text: &str) -> (Stock, Vec<Diagnostic>) {
        let (mut stock, mut found) = (Stock::default(), Vec::new());
        let source = Source::new(path, "");
        let say = |line: usize, message: &str| Diagnostic::of_file(source.name(), format!("line {line}: {message}"));
        let (mut seen, mut bases) = (HashSet::new(), HashMap::<String, Vec<usize>>::new());
        for (line, text) in (1..).zip(text.lines()) {
            let word = text.split('#').next().unwrap_or_default().trim();
            if word.is_empty() {
                continue;
            }
            let Ok(mailbox) = Mailbox::parse(word) else {
                found.push(say(line, "this is not a mailbox").help("write one address a line"));
                continue;
            };
            if !seen.insert(mailbox.identity()) {
                found.push(
                    say(line, "this mailbox stands here twice")
                        .help("each canary must be a mailbox of its own: tags and dots make none"),
                );
                continue;
            }
            let local = mailbox.local().to_lowercase();
            if TELLING.iter().any(|word| local.contains(word)) {
                found.push(
                    say(line, "this address tells what it is")
                        .help("choose one that a person could have")
                        .into_warning(),
                );
            }
            bases
                .entry(format!("{}@{}", local.trim_end_matches(|c: char| c.is_ascii_digit()), mailbox.domain()))
                .or_default()
                .push(line);
            stock.mailboxes.push(mailbox);
        }
        for lines in bases.values().filter(|lines| lines.len() > 2) {
            found.push(
                say(lines[0], "several addresses differ in a number alone: who knows one guesses the others")
                    .help("choose addresses that have nothing in common")
                    .into_warning(),
            );
        }
        found.sort_by(|a, b| a.message.cmp(&b.message));
        (stock, found)
    }

    /// Chooses canaries that no export has yet, at domains that are usual on the list where there are such. Fewer than
    /// asked for where the stock is used up.
    pub fn take(
        &self,
        count: usize,
        is_used: &dyn Fn(&Identity) -> bool,
        is_usual: &dyn Fn(&Domain) -> bool,
        seed: &[u8; 32],
    ) -> Vec<Mailbox> {
        let mut draw = Draw::new(seed).branch("stock");
        let mut free: Vec<&Mailbox> = self.mailboxes.iter().filter(|mailbox| !is_used(&mailbox.identity())).collect();
        draw.shuffle(&mut free);
        free.sort_by_key(|mailbox| !is_usual(mailbox.domain()));
        free.into_iter().take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOCK: &str = "# of the house\nzoe.roux@web.example\nlea.petit@mail.example # Orange\n\nnobody\nzoe.roux+1@web.example\ncanary@web.example\nb1@x.example\nb2@x.example\nb3@x.example\n";

    #[test]
    fn a_stock_is_checked_without_showing_it() {
        let (stock, found) = Stock::parse("canaries.txt", STOCK);
        assert_eq!(stock.mailboxes.len(), 6);
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:#?}");
        for (words, one) in
            ["line 5: this is not", "line 6: this mailbox", "line 7: this address", "line 8: several"].iter().zip(&said)
        {
            assert!(one.starts_with(&format!("canaries.txt: {words}")), "{one}");
        }
        assert!(said.iter().all(|one| !one.contains('@')), "{said:#?}");
    }

    #[test]
    fn each_export_takes_others() {
        let (stock, _) = Stock::parse("canaries.txt", STOCK);
        let first = stock.take(2, &|_| false, &|domain| domain.as_str() == "mail.example", &[1; 32]);
        assert_eq!(first[0].to_string(), "lea.petit@mail.example");
        let used: HashSet<Identity> = first.iter().map(Mailbox::identity).collect();
        let second = stock.take(9, &|identity| used.contains(identity), &|_| false, &[2; 32]);
        assert_eq!(second.len(), 4);
        assert!(second.iter().all(|mailbox| !first.contains(mailbox)));
    }
}
