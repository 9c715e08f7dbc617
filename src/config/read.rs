// SPDX-License-Identifier: EUPL-1.2
//! Reads one text into one value: numbers, durations, sizes, dates, texts, choices; what names a place is in `places`.
//!
//! Every `Err` completes the sentence `KEY: …`: it says what is wrong and, if possible, what to write.

use std::time::Duration;

use crate::deliver::settings::OutwardTlsMode;
use crate::diagnostic::{listing, nearest};
use crate::listen::log;
use crate::listen::settings::{Auth, ClientKind, InwardTlsMode};
use crate::smtp::data::BareNewline;

pub mod places;

/// A value that can be read from one text of the settings.
pub trait Setting: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

impl Setting for String {
    fn read(text: &str) -> Result<String, String> {
        if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text.to_owned()) }
    }
}

impl Setting for bool {
    fn read(text: &str) -> Result<bool, String> {
        text.trim().parse().map_err(|_| format!("\"{text}\" is not a truth value; write true or false"))
    }
}

/// A number from 1 upwards.
impl Setting for usize {
    fn read(text: &str) -> Result<usize, String> {
        match text.trim().replace('_', "").parse::<usize>() {
            Ok(0) => Err("must be at least 1".into()),
            Ok(number) if number <= 10_000_000 => Ok(number),
            Ok(_) => Err(format!("{text} is more than 10000000")),
            Err(_) => Err(format!("\"{text}\" is not a whole number")),
        }
    }
}

/// A length of time with its unit. A day has 24 hours.
impl Setting for Duration {
    fn read(text: &str) -> Result<Duration, String> {
        let (number, unit) = number_and_unit(text);
        let seconds: u64 = match unit {
            "ms" | "s" => 1,
            "m" | "min" => 60,
            "h" => 3600,
            "d" => 86_400,
            "" if number.is_empty() => return Err("is empty; write a number and a unit: \"45s\"".into()),
            "" => return Err(format!("\"{text}\" has no unit; write \"{number}s\", \"{number}min\" or \"{number}h\"")),
            other => {
                let known = "ms, s, min, h or d";
                return Err(if number.is_empty() {
                    format!("\"{text}\" is not a length of time; write a number and a unit ({known}): \"45s\"")
                } else {
                    format!("\"{other}\" is not a unit of time; write {known}")
                });
            }
        };
        let number = whole(number).ok_or_else(|| format!("\"{text}\": write a whole number before the unit"))?;
        let length = if unit == "ms" {
            Some(Duration::from_millis(number))
        } else {
            number.checked_mul(seconds).map(Duration::from_secs)
        };
        // A hundred years: what is longer is a slip, and would overflow arithmetic with instants.
        let length = length.filter(|length| length.as_secs() <= 36_525 * 86_400);
        match length {
            Some(Duration::ZERO) => Err("must be more than zero".into()),
            Some(length) => Ok(length),
            None => Err(format!("\"{text}\" is more than 100 years")),
        }
    }
}

/// Bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl Setting for ByteSize {
    fn read(text: &str) -> Result<ByteSize, String> {
        let (number, unit) = number_and_unit(text);
        let shift = match unit {
            "" if number.is_empty() => return Err("is empty; write a number and a unit: \"50 MiB\"".into()),
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            other => return Err(wrong_size(text, number, other)),
        };
        let number = whole(number).ok_or_else(|| format!("\"{text}\": write a whole number before the unit"))?;
        match number.checked_mul(1 << shift).filter(|bytes| *bytes <= i64::MAX as u64) {
            Some(0) => Err("must be more than zero".into()),
            Some(bytes) => Ok(ByteSize(bytes)),
            None => Err(format!("\"{text}\" is too large")),
        }
    }
}

fn wrong_size(text: &str, number: &str, unit: &str) -> String {
    let meant = match unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" | "ko" | "kio" => "KiB",
        "m" | "mb" | "mib" | "mo" | "mio" => "MiB",
        "g" | "gb" | "gib" | "go" | "gio" => "GiB",
        "t" | "tb" | "tib" | "to" | "tio" => "TiB",
        _ if number.is_empty() => return format!("\"{text}\" is not a size; write a number and a unit: \"50 MiB\""),
        _ => return format!("\"{unit}\" is not a unit of size; write B, KiB, MiB, GiB or TiB"),
    };
    format!("\"{unit}\" is not a unit of size; write \"{number} {meant}\"")
}

fn number_and_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.' || c == ',' || c == '-'));
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    (number, unit.trim())
}

fn whole(number: &str) -> Option<u64> {
    number.replace('_', "").parse().ok()
}

/// A text that stands in a header of mail.
pub struct OneLine(pub String);

impl Setting for OneLine {
    fn read(text: &str) -> Result<OneLine, String> {
        let text = text.trim();
        match text.chars().count() {
            0 => Err("is empty".into()),
            1..=200 if !text.contains(char::is_control) => Ok(OneLine(text.to_owned())),
            1..=200 => Err("must be one line".into()),
            _ => Err("is longer than 200 characters".into()),
        }
    }
}

/// A zone by its name in the zone database (IANA).
impl Setting for jiff::tz::TimeZone {
    fn read(text: &str) -> Result<jiff::tz::TimeZone, String> {
        let text = text.trim();
        jiff::tz::TimeZone::get(text)
            .map_err(|_| format!("this system knows no time zone \"{text}\"; write \"Europe/Paris\""))
    }
}

/// A language by its code, as the folders of `notices/` are named.
pub struct Language(pub String);

impl Setting for Language {
    fn read(text: &str) -> Result<Language, String> {
        let text = text.trim();
        let sound = (2..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase());
        if sound {
            Ok(Language(text.to_owned()))
        } else {
            Err(format!("\"{text}\" is not a language code; write \"fr\""))
        }
    }
}

impl Setting for jiff::civil::Date {
    fn read(text: &str) -> Result<jiff::civil::Date, String> {
        text.trim().parse().map_err(|_| format!("\"{text}\" is not a date; write year-month-day: \"2027-03-31\""))
    }
}

impl Setting for jiff::civil::Time {
    fn read(text: &str) -> Result<jiff::civil::Time, String> {
        let read = text.trim().split_once(':').and_then(|(hour, minute)| {
            let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
            jiff::civil::Time::new(number(hour)?, number(minute)?, 0, 0).ok()
        });
        read.ok_or_else(|| format!("\"{text}\" is not a time of day; write hours and minutes: \"07:30\""))
    }
}

/// One of a few words.
fn choice<T: Copy>(text: &str, known: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words = || known.iter().map(|(word, _)| *word);
    Err(match nearest(text, words()) {
        Some(word) => format!("\"{text}\" is not valid; did you mean \"{word}\"? Write {}", listing(words())),
        None => format!("\"{text}\" is not valid; write {}", listing(words())),
    })
}

impl Setting for ClientKind {
    fn read(text: &str) -> Result<ClientKind, String> {
        choice(text, &[("queue", ClientKind::Queue), ("submission", ClientKind::Submission)])
    }
}

impl Setting for BareNewline {
    fn read(text: &str) -> Result<BareNewline, String> {
        choice(text, &[("refuse", BareNewline::Refuse), ("pass", BareNewline::Pass)])
    }
}

impl Setting for Auth {
    fn read(text: &str) -> Result<Auth, String> {
        choice(text, &[("off", Auth::Off), ("pass", Auth::Pass)])
    }
}

impl Setting for InwardTlsMode {
    fn read(text: &str) -> Result<InwardTlsMode, String> {
        use InwardTlsMode::*;
        choice(text, &[("off", Off), ("opportunistic", Opportunistic), ("required", Required)])
    }
}

impl Setting for OutwardTlsMode {
    fn read(text: &str) -> Result<OutwardTlsMode, String> {
        use OutwardTlsMode::*;
        choice(text, &[("off", Off), ("opportunistic", Opportunistic), ("required", Required), ("verified", Verified)])
    }
}

impl Setting for super::PolicyMode {
    fn read(text: &str) -> Result<super::PolicyMode, String> {
        choice(text, &[("enforce", super::PolicyMode::Enforce), ("observe", super::PolicyMode::Observe)])
    }
}

impl Setting for log::Format {
    fn read(text: &str) -> Result<log::Format, String> {
        choice(text, &[("human", log::Format::Human), ("json", log::Format::Json)])
    }
}

impl Setting for log::Target {
    fn read(text: &str) -> Result<log::Target, String> {
        choice(text, &[("stderr", log::Target::Stderr), ("stdout", log::Target::Stdout)])
    }
}

impl Setting for log::Level {
    fn read(text: &str) -> Result<log::Level, String> {
        log::Level::parse(text).map_err(|_| {
            format!(
                "\"{text}\" is not a log level; write error, warn, info, debug, trace or \"info,octroi::smtp=debug\""
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_whole_number_and_a_known_unit() {
        for (text, seconds) in [("45s", 45), ("5 min", 300), ("2m", 120), ("24h", 86_400), ("30d", 2_592_000)] {
            assert_eq!(Duration::read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(Duration::read("250ms"), Ok(Duration::from_millis(250)));
        for (wrong, says) in [
            ("", "is empty; write a number and a unit: \"45s\""),
            ("45", "\"45\" has no unit; write \"45s\", \"45min\" or \"45h\""),
            ("soon", "\"soon\" is not a length of time; write a number and a unit (ms, s, min, h or d): \"45s\""),
            ("3 fortnights", "\"fortnights\" is not a unit of time; write ms, s, min, h or d"),
            ("1.5h", "\"1.5h\": write a whole number before the unit"),
            ("-3s", "\"-3s\": write a whole number before the unit"),
            ("0s", "must be more than zero"),
            ("99999999d", "\"99999999d\" is more than 100 years"),
            ("99999999999999999999d", "\"99999999999999999999d\": write a whole number before the unit"),
        ] {
            assert_eq!(Duration::read(wrong), Err(says.into()), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary_and_say_so() {
        for (text, bytes) in
            [("1024", 1024), ("7 B", 7), ("50 MiB", 50 << 20), ("512KiB", 512 << 10), ("1TiB", 1 << 40)]
        {
            assert_eq!(ByteSize::read(text), Ok(ByteSize(bytes)), "{text}");
        }
        for (wrong, says) in [
            ("", "is empty; write a number and a unit: \"50 MiB\""),
            ("50 MB", "\"MB\" is not a unit of size; write \"50 MiB\""),
            ("50Mo", "\"Mo\" is not a unit of size; write \"50 MiB\""),
            ("50 parsecs", "\"parsecs\" is not a unit of size; write B, KiB, MiB, GiB or TiB"),
            ("big", "\"big\" is not a size; write a number and a unit: \"50 MiB\""),
            ("1.5 GiB", "\"1.5 GiB\": write a whole number before the unit"),
            ("0 MiB", "must be more than zero"),
            ("9000000 TiB", "\"9000000 TiB\" is too large"),
        ] {
            assert_eq!(ByteSize::read(wrong), Err(says.into()), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_choice_learns_the_right_ones() {
        let says = OutwardTlsMode::read("verify").unwrap_err();
        assert!(says.contains("did you mean \"verified\"?"), "{says}");
        assert!(ClientKind::read("mta").unwrap_err().contains("write queue or submission"));
    }
}
