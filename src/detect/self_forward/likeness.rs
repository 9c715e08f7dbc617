// SPDX-License-Identifier: EUPL-1.2
//! Compares a mailbox with the sender's name, in all the ways in which people write their own names.

use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::names::{self, givens, initials, is_common_surname, skeleton, surnames};
use crate::detect::reading::words::Words;
use crate::directory::fold::{fold, letters, words};
use crate::mail::Mailbox;

pub(super) enum Likeness {
    /// The sender's own by its whole name, with the reason in words.
    Own(String),
    /// The sender's own if nobody else is greeted; whether the surname is common.
    Strict {
        why: String,
        common: bool,
    },
    /// The sender's family name with somebody else's given name, or with none.
    Relative {
        why: String,
        surname: String,
    },
    None,
}

/// One reading of the sender's name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Ways to write the given name; the first is the full one.
    pub(super) givens: Vec<String>,
    initials: Vec<String>,
    /// Ways to write surname and birth name.
    pub(super) surnames: Vec<String>,
    /// Nickname of `people.csv`, as letters.
    nickname: String,
    /// The local part of the sender's address, as letters.
    pub(super) own_local: String,
    /// Skeletons of given name and surname.
    skeletons: Vec<(String, String)>,
}

impl Names {
    pub(super) fn of_sender(inspection: &Inspection<'_>) -> Names {
        let mut all = Names::default();
        let evidence = inspection.evidence;
        let mailbox = evidence.sender.mailbox.as_ref().or(evidence.envelope.reverse_path.mailbox());
        if let Some(mailbox) = mailbox {
            if let Some(person) = evidence.people.serving(mailbox, evidence.day) {
                all.add(&person.given, &person.surname, &person.nickname);
                all.add(&person.given, &person.birth_name, &person.nickname);
                if !person.birth_name.is_empty() {
                    all.surname(&format!("{}-{}", person.surname, person.birth_name));
                    all.surname(&format!("{}-{}", person.birth_name, person.surname));
                }
                all.nickname = letters(&person.nickname);
            }
            all.of_local(mailbox.local());
        }
        for header in ["From", "Resent-From", "Sender"] {
            let value = inspection.header(header).unwrap_or("");
            // A From that is somebody else's (a mail that was resent) says nothing about the sender.
            let theirs = mailbox.is_some_and(|mailbox| value.to_lowercase().contains(&mailbox.key()));
            if theirs || mailbox.is_none() {
                all.of_display(value);
            }
        }
        all
    }

    fn add(&mut self, given: &str, surname: &str, nickname: &str) {
        for form in givens(given, nickname) {
            keep(&mut self.givens, form);
        }
        for form in initials(given) {
            keep(&mut self.initials, form);
        }
        // All initials beside a part of the name: "jfdm.dupont".
        let all: String = words(&format!("{given} {surname}")).iter().filter_map(|w| w.chars().next()).collect();
        if all.chars().count() >= 3 {
            keep(&mut self.initials, all);
        }
        self.surname(surname);
        let pair = (skeleton(given), skeleton(surname));
        if pair.0.len() >= 2 && pair.1.len() >= 3 {
            self.skeletons.push(pair);
        }
    }

    fn surname(&mut self, surname: &str) {
        for form in surnames(surname).into_iter().filter(|form| form.chars().count() >= 2) {
            keep(&mut self.surnames, form);
        }
    }

    /// `given.surname`, `g.surname`, `given_surname`: the usual shapes of official addresses.
    fn of_local(&mut self, local: &str) {
        let local = base(local);
        self.own_local = letters(local);
        let Some((given, surname)) = local.split_once(['.', '_']) else { return };
        let surname = surname.replace(['.', '_'], " ");
        if ["info", "contact", "service", "secretariat", "ne", "no", "noreply", "direction"].contains(&given) {
            return;
        }
        if given.chars().filter(|c| c.is_alphabetic()).count() > 2 {
            self.add(given, &surname, "");
        } else {
            for form in initials(given) {
                keep(&mut self.initials, form);
            }
            self.surname(&surname);
        }
    }

    /// `Given SURNAME (unit) <…>` or `SURNAME, Given`.
    fn of_display(&mut self, header: &str) {
        let display = header.split('<').next().unwrap_or("");
        let display = display.split(['(', '[', '|']).next().unwrap_or("").trim().trim_matches('"').trim();
        if display.is_empty() || display.contains('@') || display.len() > 120 {
            return;
        }
        if let Some((surname, given)) = display.split_once(',') {
            return self.add(given.trim(), surname.trim(), "");
        }
        let words: Vec<&str> = display.split_whitespace().collect();
        // "DURAND Marie": capitals are the surname.
        let capital = |word: &&&str| {
            word.chars().count() > 1 && word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase)
        };
        let (upper, mixed): (Vec<&&str>, Vec<&&str>) = words.iter().partition(|word| capital(word));
        let join = |words: &[&&str]| words.iter().map(|word| **word).collect::<Vec<_>>().join(" ");
        if !upper.is_empty() && !mixed.is_empty() && mixed.len() <= 2 {
            self.add(&join(&mixed), &join(&upper), "");
        } else if let Some((given, surname)) = words.split_first().filter(|(_, surname)| !surname.is_empty()) {
            self.add(given, &surname.join(" "), "");
        }
    }

    pub(super) fn compare(&self, mailbox: &Mailbox, display: &[String], vanity: bool, words: &Words) -> Likeness {
        let local = fold(base(mailbox.local()));
        let joined = letters(&local);
        let tokens: Vec<&str> = local.split(|c: char| !c.is_alphabetic()).filter(|token| !token.is_empty()).collect();
        if joined.is_empty() {
            return Likeness::None;
        }
        let known = || self.whole_name(&joined, &tokens).or_else(|| self.both_surnames(&joined));
        if let Some(why) = known().or_else(|| self.displayed(display, words)) {
            return Likeness::Own(why);
        }
        if vanity && let Some(likeness) = self.vanity(mailbox, &joined, &tokens) {
            return likeness;
        }
        if self.nickname.chars().count() >= 4 && joined == self.nickname {
            return Likeness::Strict { why: format!("nickname {}", self.nickname), common: false };
        }
        if let Some((why, common)) = self.with_initial(&joined, &tokens) {
            return Likeness::Strict { why, common };
        }
        if let Some(why) = self.shortened(&joined, &tokens) {
            return Likeness::Strict { why, common: false };
        }
        self.relative(&joined, &tokens)
    }

    /// `clairem1979`: a given name of four letters or more with one or two of the surname behind, and nothing else; `pyk29`,
    /// `fdlb.perso`: all initials of the name, three or more.
    pub(super) fn weak(&self, mailbox: &Mailbox, words: &Words) -> Option<String> {
        let local = fold(base(mailbox.local()));
        let tokens = local.split(|c: char| !c.is_alphabetic()).filter(|token| !words.private.contains(*token));
        let joined: String = tokens.collect();
        if let Some(initials) =
            self.initials.iter().find(|initials| initials.chars().count() >= 3 && **initials == joined)
        {
            return Some(format!("initials {initials}"));
        }
        let head = |given: &String, surname: &String| {
            let rest = joined.strip_prefix(given.as_str()).unwrap_or("");
            given.chars().count() >= 4 && matches!(rest.chars().count(), 1 | 2) && surname.starts_with(rest)
        };
        self.givens.iter().find_map(|given| {
            let surname = self.surnames.iter().find(|surname| head(given, surname))?;
            Some(format!("given name {given} and the first letters of {surname}"))
        })
    }

    /// Whether To or Cc calls the mailbox by the sender's name, or simply "me".
    fn displayed(&self, display: &[String], words: &Words) -> Option<String> {
        let phrase = display.join(" ");
        let tokens: Vec<&str> = display.iter().map(String::as_str).collect();
        let named = || {
            let surname = self.surnames.iter().any(|surname| surname.chars().count() >= 3 && holds(&tokens, surname));
            surname && self.givens.iter().any(|given| given.chars().count() >= 3 && holds(&tokens, given))
        };
        (!display.is_empty() && (words.me.contains(&phrase) || named())).then(|| format!("called {phrase}"))
    }

    /// Surname and birth name, joined in either order.
    fn both_surnames(&self, joined: &str) -> Option<String> {
        let rest = |surname: &String| joined.strip_prefix(surname.as_str()).filter(|_| surname.chars().count() >= 4);
        let mut rests = self.surnames.iter().filter_map(rest);
        rests
            .any(|rest| rest.chars().count() >= 4 && self.surnames.iter().any(|other| other == rest))
            .then(|| "surname and birth name".to_owned())
    }

    /// Given name and surname, in either order, joined or apart, whole or shortened, with anything beside them.
    fn whole_name(&self, joined: &str, tokens: &[&str]) -> Option<String> {
        for surname in &self.surnames {
            for given in self.givens.iter().filter(|given| given.chars().count() >= 2) {
                let why = || Some(format!("given name {given} and surname {surname}"));
                let long = given.chars().count() + surname.chars().count() >= 7;
                if joined == format!("{given}{surname}") || joined == format!("{surname}{given}") {
                    return why();
                }
                if long && (holds(tokens, given) && holds(tokens, surname)) {
                    return why();
                }
                if long
                    && surname.chars().count() >= 4
                    && (joined.contains(&format!("{given}{surname}")) || joined.contains(&format!("{surname}{given}")))
                {
                    return why();
                }
                // The provider's limit or haste cut the surname: "helene.lemar".
                if given.chars().count() >= 3
                    && let Some(rest) = joined.strip_prefix(given.as_str())
                    && rest.chars().count() >= 4
                    && surname.starts_with(rest)
                {
                    return why();
                }
                // A slip in the surname; the given name must be right, or Julie is taken for Julien.
                let rest = joined.strip_prefix(given.as_str()).or_else(|| joined.strip_suffix(given.as_str()));
                if given.chars().count() >= 4
                    && surname.chars().count() >= 6
                    && rest.is_some_and(|rest| rest.chars().next() == surname.chars().next() && one_edit(rest, surname))
                {
                    return why();
                }
            }
        }
        let whole = tokens.len() >= 2;
        self.skeletons.iter().find_map(|(given, surname)| {
            let sounds: Vec<String> = tokens.iter().map(|token| skeleton(token)).collect();
            let (rest, first) = (sounds.get(1..)?.concat(), sounds.first()?);
            let last = sounds.last()?;
            let front = sounds[..sounds.len() - 1].concat();
            let agree = whole && (first == given && rest == *surname || last == given && front == *surname);
            agree.then(|| "the sound of given name and surname".to_owned())
        })
    }

    /// Initial and surname; also whether the surname is too common to mean anything.
    fn with_initial(&self, joined: &str, tokens: &[&str]) -> Option<(String, bool)> {
        for surname in self.surnames.iter().filter(|surname| surname.chars().count() >= 3) {
            let why =
                |initial: &str| Some((format!("initial {initial} and surname {surname}"), is_common_surname(surname)));
            for initial in &self.initials {
                if joined == format!("{initial}{surname}") || joined == format!("{surname}{initial}") {
                    return why(initial);
                }
                let glued = [format!("{initial}{surname}"), format!("{surname}{initial}")];
                let apart = holds(tokens, surname) && tokens.contains(&initial.as_str())
                    || tokens.iter().any(|token| glued.iter().any(|glued| glued == token));
                // "d.koopmans.prive": the rest says what the mailbox is for.
                if apart {
                    return why(initial);
                }
                // Middle initials: "b.k.kervadoux".
                if let Some(front) = joined.strip_suffix(surname.as_str())
                    && front.chars().count() <= 3
                    && front.starts_with(initial.as_str())
                    && tokens.len() > 1
                {
                    return why(initial);
                }
            }
        }
        None
    }

    /// A given name cut short before the whole surname, or whole before a surname cut short: `mousaziz`, `alex.bdo`,
    /// `vic.h`.
    fn shortened(&self, joined: &str, tokens: &[&str]) -> Option<String> {
        for surname in self.surnames.iter().filter(|surname| surname.chars().count() >= 4) {
            let cut = joined.strip_suffix(surname.as_str()).or_else(|| joined.strip_prefix(surname.as_str()));
            if let Some(cut) = cut
                && cut.chars().count() >= 3
                && !names::is_given(cut)
                && self.givens.iter().any(|given| given.starts_with(cut))
            {
                return Some(format!("{cut} of the given name and surname {surname}"));
            }
            // "samirakad": a long given name, then the head of the surname.
            let head = |given: &String| {
                let rest = joined.strip_prefix(given.as_str()).unwrap_or("");
                given.chars().count() >= 5 && rest.chars().count() >= 3 && surname.starts_with(rest)
            };
            if let Some(given) = self.givens.iter().find(|given| head(given)) {
                return Some(format!("given name {given} and the head of the surname {surname}"));
            }
            let [given, rest] = tokens else { continue };
            // "bernie.osullivan": a pet name nobody listed begins as the name does.
            let pet = |token: &str, other: &str| {
                let begins = |given: &String| token.get(..3).is_some_and(|head| given.starts_with(head));
                other == surname
                    && !names::is_given(token)
                    && ["ie", "y", "ou", "i"].iter().any(|end| token.ends_with(end))
                    && self.givens.iter().any(begins)
            };
            if pet(given, rest) || pet(rest, given) {
                return Some(format!("a pet name and surname {surname}"));
            }
            let cut = rest.chars().count() <= 4 && abbreviates(rest, surname);
            if cut && given.chars().count() >= 3 && self.givens.iter().any(|known| known == given) {
                return Some(format!("given name {given} and {rest} of the surname"));
            }
        }
        None
    }

    /// A domain of one's own that holds the surname.
    fn vanity(&self, mailbox: &Mailbox, joined: &str, tokens: &[&str]) -> Option<Likeness> {
        let domain = fold(&mailbox.domain().to_unicode());
        let domain = letters(domain.rsplit_once('.').map_or(domain.as_str(), |(front, _)| front));
        let surname =
            self.surnames.iter().find(|surname| surname.chars().count() >= 4 && domain.contains(surname.as_str()))?;
        let why = format!("domain of the name {surname}");
        let own = self.givens.iter().any(|given| joined == given || holds(tokens, given))
            || self.initials.iter().any(|initial| joined == initial)
            || self.surnames.iter().any(|surname| joined == surname)
            || ["me", "moi", "ik", "mail", "post", "contact", "info", "hello", "mailbox", "ich", "mij"]
                .contains(&joined)
                && domain.chars().count() <= surname.chars().count() + 4;
        Some(if own { Likeness::Own(why) } else { Likeness::Relative { why, surname: surname.clone() } })
    }

    fn relative(&self, joined: &str, tokens: &[&str]) -> Likeness {
        for surname in self.surnames.iter().filter(|surname| surname.chars().count() >= 4) {
            let apart = holds(tokens, surname);
            let glued = surname.chars().count() >= 6
                && (joined.ends_with(surname.as_str()) || joined.starts_with(surname.as_str()));
            if apart || glued {
                return Likeness::Relative { why: format!("surname {surname}"), surname: surname.clone() };
            }
        }
        Likeness::None
    }
}

/// Whether the letters abbreviate `name`: its own first letter, then letters of it.
fn abbreviates(letters: &str, name: &str) -> bool {
    letters.chars().next() == name.chars().next() && letters.chars().all(|letter| name.contains(letter))
}

fn keep(forms: &mut Vec<String>, form: String) {
    if !form.is_empty() && !forms.contains(&form) {
        forms.push(form);
    }
}

/// Whether the tokens hold a name, written as one token or as several in a row.
fn holds(tokens: &[&str], name: &str) -> bool {
    (0..tokens.len()).any(|from| {
        let mut rest = name;
        for token in &tokens[from..] {
            match rest.strip_prefix(token) {
                Some("") => return true,
                Some(left) => rest = left,
                None => return false,
            }
        }
        false
    })
}

/// The local part without what a provider ignores: `+tag`, and digits are dropped with the other non-letters.
pub(super) fn base(local: &str) -> &str {
    local.split('+').next().unwrap_or(local)
}

/// Whether one letter added, dropped or changed makes them equal.
fn one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 1 || a == b {
        return a == b;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Equal => a[same + 1..] == b[same + 1..],
        std::cmp::Ordering::Less => a[same..] == b[same + 1..],
        std::cmp::Ordering::Greater => a[same + 1..] == b[same..],
    }
}
