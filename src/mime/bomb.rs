// SPDX-License-Identifier: EUPL-1.2
//! Recognises messages that would become much larger than they are, before anything is built from them.

use memchr::{memchr, memmem};

use super::budget::ParseBudget;

/// Messages attached to or nested in one message: more are a bomb.
const MOST_ATTACHED: usize = 500;
/// Lines that may be boundaries in one message: far more than any budget of parts, far less than fills the memory.
const MOST_BOUNDARIES: usize = 50_000;
/// Lines in the header sections of one message and its parts: each costs many times its bytes.
const MOST_FIELDS: usize = 200_000;
/// A multipart whose boundary never comes is searched to the message's end: so many bytes may be searched in all.
const MOST_SEARCHED: usize = 512 << 20;
/// So many multiparts are read however long the message is: a thread forwarded whole.
const FEW_MULTIPARTS: usize = 100;

/// Which budget reading `raw` would break, if any.
pub(super) fn told(raw: &[u8], header_end: usize, budget: &ParseBudget) -> Option<&'static str> {
    if header_end > budget.header {
        return Some("header");
    }
    let (mut attached, mut multiparts, mut digest) = (0, 0, false);
    for at in memchr::memchr_iter(b'/', raw) {
        let before = |word: &[u8]| at >= word.len() && raw[at - word.len()..at].eq_ignore_ascii_case(word);
        let is_digest = raw.get(at + 1..at + 7).is_some_and(|after| after.eq_ignore_ascii_case(b"digest"));
        attached += usize::from(is_digest || before(b"message"));
        multiparts += usize::from(before(b"multipart"));
        digest |= is_digest;
    }
    if attached > MOST_ATTACHED || multiparts > FEW_MULTIPARTS && multiparts.saturating_mul(raw.len()) > MOST_SEARCHED {
        return Some("depth");
    }
    let mut boundaries = 0;
    let mut fields = Fields { raw, at: 0, count: 0 };
    fields.section(attached > 0);
    for at in memmem::find_iter(raw, b"\n--") {
        boundaries += 1;
        if at + 1 >= fields.at {
            fields.at = at + 1;
            fields.section(digest);
        }
        if boundaries > MOST_BOUNDARIES {
            return Some("parts");
        }
        if fields.count > MOST_FIELDS {
            return Some("header");
        }
    }
    (fields.count > MOST_FIELDS).then_some("header")
}

/// Counts the lines of header sections.
struct Fields<'a> {
    raw: &'a [u8],
    at: usize,
    count: usize,
}

impl Fields<'_> {
    /// One section, and the one behind it where that is the header of a message inside.
    fn section(&mut self, mut nested: bool) {
        loop {
            let begin = self.at;
            while let Some(end) = self.raw.get(self.at..).and_then(|rest| memchr(b'\n', rest)) {
                let line = &self.raw[self.at..self.at + end];
                self.at += end + 1;
                if line.trim_ascii().is_empty() {
                    break;
                }
                let name = memchr(b':', &line[..line.len().min(80)]).map_or(&b""[..], |colon| &line[..colon]);
                self.count += usize::from(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
            }
            let section = &self.raw[begin..self.at];
            let message =
                memmem::find(&section[..section.len().min(64 << 10)].to_ascii_lowercase(), b"message/").is_some();
            if !(nested || message) || self.at == begin || self.count > MOST_FIELDS {
                return;
            }
            nested = false;
        }
    }
}
