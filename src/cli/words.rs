// SPDX-License-Identifier: EUPL-1.2
//! One vocabulary: if somebody types a word of prose for a state or a command, the error offers the right one; and the
//! values that several commands read.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Replaces clap's suggestion, which goes by spelling, where the word typed means a known one.
pub fn offer(error: &mut clap::Error) {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::InvalidValue if said(ContextKind::InvalidArg).starts_with("--state") => {
            if let Some(state) = state_meant_by(&said(ContextKind::InvalidValue)) {
                error.insert(ContextKind::SuggestedValue, ContextValue::String(state.to_owned()));
            }
        }
        // clap would offer `release`, the opposite.
        ErrorKind::InvalidSubcommand if said(ContextKind::InvalidSubcommand) == "refuse" => {
            error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec!["reject".to_owned()]));
        }
        _ => {}
    }
}

/// The state of a copy that a word of prose names.
fn state_meant_by(word: &str) -> Option<&'static str> {
    Some(match word.to_lowercase().as_str() {
        "hold" | "quarantine" | "quarantined" | "waiting" => "held",
        "sent" | "delivered" => "released",
        "refuse" | "refused" => "rejected",
        "erased" | "deleted" => "expired",
        _ => return None,
    })
}

/// An instant, or a day, which begins at midnight UTC.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let day = text.parse::<Date>().ok().filter(|_| !text.contains(['T', ' ']));
    day.and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())).ok_or_else(|| {
        "write a day, such as 2026-11-25, or a day and a time in UTC, such as 2026-11-25T08:00:00Z".to_owned()
    })
}

/// How many, where none would be no question.
pub fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("at least 1 is listed; leave --limit out to list as many as there are".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a whole number, such as 50".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_are_read_and_other_words_are_told_what_to_write() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        assert_eq!(at("2026-11-25").as_deref(), Ok("2026-11-25T00:00:00Z"));
        assert_eq!(at("2026-11-25T08:00:00+01:00").as_deref(), Ok("2026-11-25T07:00:00Z"));
        for text in ["yesterday", "25/11/2026", "2026-13-01", ""] {
            assert!(at(text).unwrap_err().contains("2026-11-25"), "{text}");
        }
        assert_eq!(at_least_one("3"), Ok(3));
        assert!(at_least_one("0").unwrap_err().contains("at least 1"));
    }
}
