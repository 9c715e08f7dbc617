// SPDX-License-Identifier: EUPL-1.2
//! Dates as people write them.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// The instant as people write it in that language; the zone is named only where it is that of UTC.
pub fn date_in(language: &str, at: Timestamp, zone: &TimeZone) -> String {
    let at: Zoned = at.to_zoned(zone.clone());
    // A month is from 1 to 12.
    let month = |names: [&'static str; 12]| names[usize::from(at.month().unsigned_abs() - 1)];
    let day = match language {
        "fr" => {
            let first = if at.day() == 1 { "er" } else { "" };
            format!("{}{first} {} {} à", at.day(), month(FRENCH), at.year())
        }
        "nl" => format!("{} {} {} om", at.day(), month(DUTCH), at.year()),
        "en" => format!("{} {} {} at", at.day(), month(ENGLISH), at.year()),
        "de" => format!("{}. {} {} um", at.day(), month(GERMAN), at.year()),
        _ => at.strftime("%Y-%m-%d").to_string(),
    };
    let zone = if at.offset() == Offset::UTC { " (UTC)" } else { "" };
    format!("{day} {}{zone}", at.strftime("%H:%M"))
}

const FRENCH: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];
const DUTCH: [&str; 12] = [
    "januari",
    "februari",
    "maart",
    "april",
    "mei",
    "juni",
    "juli",
    "augustus",
    "september",
    "oktober",
    "november",
    "december",
];
const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_said_in_words() {
        let at: Timestamp = "2026-12-01T16:09:00Z".parse().unwrap();
        assert_eq!(date_in("fr", at, &TimeZone::UTC), "1er décembre 2026 à 16:09 (UTC)");
        let paris = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(date_in("nl", at, &paris), "1 december 2026 om 17:09");
        assert_eq!(date_in("en", at, &paris), "1 December 2026 at 17:09");
        assert_eq!(date_in("xx", at, &paris), "2026-12-01 17:09");
    }
}
