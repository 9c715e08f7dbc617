// SPDX-License-Identifier: EUPL-1.2
//! The replies when a limit is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::{Reply, reply};

/// A limit is used up for now, or (`wait` is none) can never hold so much at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    pub limit: Arc<str>,
    pub wait: Option<Duration>,
}

impl Exceeded {
    /// The answer to MAIL.
    pub fn at_mail(&self) -> Reply {
        self.say(reply::SENDING_TOO_MUCH)
    }

    /// The answer to RCPT: a client sends these recipients again later (RFC 5321 §4.5.3.1.10).
    pub fn at_recipient(&self) -> Reply {
        self.say(reply::TOO_MANY_FOR_NOW)
    }

    /// The answer to the final dot.
    pub fn at_end(&self) -> Reply {
        match self.wait {
            Some(_) => self.say(reply::SENT_TOO_MUCH),
            None => reply::TOO_MANY_AT_ONCE.reply(),
        }
    }

    fn say(&self, row: reply::Row) -> Reply {
        match self.wait {
            Some(wait) => row.with(format_args!("{}, try again in {}", row.text, Wait(wait))),
            None => row.with(format_args!("{}, try again later", row.text)),
        }
    }
}

/// A time to wait in words, rounded up.
struct Wait(Duration);

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0);
        let (number, unit) = match seconds.max(1) {
            seconds @ 0..=90 => (seconds, "second"),
            seconds @ 91..=5400 => (seconds.div_ceil(60), "minute"),
            seconds => (seconds.div_ceil(3600), "hour"),
        };
        write!(f, "{number} {unit}{}", if number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_words() {
        for (seconds, words) in [(0, "1 second"), (90, "90 seconds"), (91, "2 minutes"), (5401, "2 hours")] {
            assert_eq!(Wait(Duration::from_secs(seconds)).to_string(), words);
        }
    }
}
