// SPDX-License-Identifier: EUPL-1.2
//! Dates as people write them.

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// The instant as people write it in that language, in that zone's time, with the zone's name.
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
    format!("{day} {} ({})", at.strftime("%H:%M"), zone_name(language, &at))
}

/// `heure de Paris`; where the zone has no name that people know, how far it is from UTC.
fn zone_name(language: &str, at: &Zoned) -> String {
    let named = at.time_zone().iana_name().and_then(|name| name.split_once('/')).filter(|(area, _)| *area != "Etc");
    let Some((_, place)) = named else { return offset(at.offset()) };
    let place = place.rsplit_once('/').map_or(place, |(_, place)| place);
    let [fr, nl, en, de] = PLACES.iter().find(|(known, _)| *known == place).map_or([place; 4], |(_, names)| *names);
    let spaced = |name: &str| name.replace('_', " ");
    match language {
        "fr" if fr.starts_with(['A', 'E', 'I', 'O', 'U', 'Y']) => format!("heure d'{}", spaced(fr)),
        "fr" => format!("heure de {}", spaced(fr)),
        "nl" => format!("tijd in {}", spaced(nl)),
        "en" => format!("{} time", spaced(en)),
        "de" => format!("Zeit in {}", spaced(de)),
        _ => spaced(en),
    }
}

/// `UTC`, `UTC+1`, `UTC-3:30`.
fn offset(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let (sign, hours, rest) = (if minutes < 0 { '-' } else { '+' }, minutes.abs() / 60, minutes.abs() % 60);
    match (hours, rest) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

/// Places of the zone database whose names are others in French, Dutch, English or German.
const PLACES: [(&str, [&str; 4]); 6] = [
    ("Paris", ["Paris", "Parijs", "Paris", "Paris"]),
    ("Brussels", ["Bruxelles", "Brussel", "Brussels", "Brüssel"]),
    ("Luxembourg", ["Luxembourg", "Luxemburg", "Luxembourg", "Luxemburg"]),
    ("Berlin", ["Berlin", "Berlijn", "Berlin", "Berlin"]),
    ("Reunion", ["La Réunion", "Réunion", "Réunion", "La Réunion"]),
    ("Noumea", ["Nouméa", "Nouméa", "Nouméa", "Nouméa"]),
];

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
    fn dates_are_said_in_words_with_the_zones_name() {
        let winter: Timestamp = "2026-12-01T16:09:00Z".parse().unwrap();
        let summer: Timestamp = "2026-07-01T23:30:00Z".parse().unwrap();
        let zone = |name: &str| TimeZone::get(name).unwrap();
        for (language, at, zone, said) in [
            ("fr", winter, zone("Europe/Paris"), "1er décembre 2026 à 17:09 (heure de Paris)"),
            ("fr", summer, zone("Europe/Paris"), "2 juillet 2026 à 01:30 (heure de Paris)"),
            ("fr", winter, zone("Europe/Amsterdam"), "1er décembre 2026 à 17:09 (heure d'Amsterdam)"),
            ("nl", summer, zone("Europe/Brussels"), "2 juli 2026 om 01:30 (tijd in Brussel)"),
            ("en", winter, zone("America/Port_of_Spain"), "1 December 2026 at 12:09 (Port of Spain time)"),
            ("en", winter, zone("America/Argentina/Salta"), "1 December 2026 at 13:09 (Salta time)"),
            ("de", winter, zone("Europe/Berlin"), "1. Dezember 2026 um 17:09 (Zeit in Berlin)"),
            ("xx", winter, zone("Europe/Brussels"), "2026-12-01 17:09 (Brussels)"),
            ("fr", winter, TimeZone::UTC, "1er décembre 2026 à 16:09 (UTC)"),
            ("en", winter, zone("Etc/GMT-3"), "1 December 2026 at 19:09 (UTC+3)"),
            ("nl", winter, TimeZone::fixed(jiff::tz::offset(1)), "1 december 2026 om 17:09 (UTC+1)"),
            (
                "nl",
                winter,
                TimeZone::fixed(Offset::from_seconds(-12_600).unwrap()),
                "1 december 2026 om 12:39 (UTC-3:30)",
            ),
        ] {
            assert_eq!(date_in(language, at, &zone), said);
        }
    }
}
