// SPDX-License-Identifier: EUPL-1.2
//! Reads `units/people.csv`: every column but `mail` may be missing or empty.

use std::collections::HashMap;

use jiff::civil::Date;

use super::{People, Person};
use crate::diagnostic::{Diagnostic, Source};
use crate::mail::Mailbox;

/// The columns octroi reads or knows; others are an error, because a misspelt one would go unread.
const COLUMNS: [&str; 9] = ["mail", "given", "surname", "birth_name", "nickname", "unit", "role", "from", "until"];

impl People {
    /// Reads the table, separated by commas or semicolons. Rows without a fault are kept whatever else is wrong.
    pub fn from_csv(path: &str, text: &str) -> (People, Vec<Diagnostic>) {
        let source = Source::new(path, text);
        let mut by_mail = HashMap::new();
        let mut faults = Vec::new();
        let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
        let shift = text.len() - plain.len();
        let head = plain.lines().next().unwrap_or("");
        // Office programs in French and Dutch write semicolons where English ones write commas.
        let delimiter = if head.matches(';').count() > head.matches(',').count() { b';' } else { b',' };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            .from_reader(plain.as_bytes());
        let columns = match reader.headers() {
            Ok(headers) => columns(headers, head, shift, &source, &mut faults),
            Err(error) => {
                faults.push(Diagnostic::at(&source, shift..shift + head.len(), format!("cannot be read: {error}")));
                return (people_of(by_mail), faults);
            }
        };
        if columns.is_empty() && faults.is_empty() {
            return (people_of(by_mail), faults); // an empty file: no people
        }
        let Some(mail) = columns.iter().position(|c| *c == Some("mail")) else {
            let fault = Diagnostic::at(&source, shift..shift + head.len(), "the first line has no column `mail`");
            faults.push(fault.help(format!("write as first line: {}", COLUMNS.join(","))));
            return (people_of(by_mail), faults);
        };
        for row in reader.records() {
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    let at = error.position().map_or(0, |p| p.byte() as usize) + shift;
                    faults.push(Diagnostic::at(&source, line(text, at), format!("the row cannot be read: {error}")));
                    continue;
                }
            };
            let at = row.position().map_or(0, |p| p.byte() as usize) + shift;
            let address = row.get(mail).unwrap_or("");
            match Mailbox::parse(address) {
                Ok(mailbox) => {
                    let person = person(&row, &columns, &mailbox, |message| {
                        let fault = Diagnostic::at(&source, line(text, at), message);
                        faults.push(
                            fault.help("write days like 2027-03-31: `from` the first, `until` the last in service"),
                        );
                    });
                    if by_mail.insert(mailbox.key(), person).is_some() {
                        let message = format!("`{address}` is in this file twice");
                        faults.push(Diagnostic::at(&source, line(text, at), message));
                    }
                }
                Err(error) => {
                    let message = format!("`{address}` is not an address: {error}");
                    let fault = Diagnostic::at(&source, line(text, at), message);
                    faults.push(fault.help("every row needs the agent's address in the column `mail`"));
                }
            }
        }
        (people_of(by_mail), faults)
    }
}

fn people_of(by_mail: HashMap<String, Person>) -> People {
    People::new(by_mail.into_values())
}

/// The known name of each column; an unknown name is a fault.
fn columns(
    headers: &csv::StringRecord,
    head: &str,
    shift: usize,
    source: &Source,
    faults: &mut Vec<Diagnostic>,
) -> Vec<Option<&'static str>> {
    let known = |name: &str| COLUMNS.into_iter().find(|known| name.eq_ignore_ascii_case(known));
    headers
        .iter()
        .map(|name| {
            let column = known(name);
            if column.is_none() && !name.is_empty() {
                let at = shift + head.find(name).unwrap_or(0);
                let fault = Diagnostic::at(source, at..at + name.len(), format!("unknown column `{name}`"));
                faults.push(fault.nearest(name, COLUMNS));
            }
            column
        })
        .collect()
}

/// One agent; `fault` is told of days that do not exist.
fn person(
    row: &csv::StringRecord,
    columns: &[Option<&str>],
    mailbox: &Mailbox,
    mut fault: impl FnMut(String),
) -> Person {
    let field = |name: &str| {
        let at = columns.iter().position(|column| *column == Some(name));
        at.and_then(|at| row.get(at)).unwrap_or("").to_owned()
    };
    let mut day = |name: &str| -> Option<Date> {
        let text = field(name);
        let day = text.parse().ok();
        if day.is_none() && !text.is_empty() {
            fault(format!("`{name}` is `{text}`, which is not a date"));
        }
        day
    };
    let (from, until) = (day("from"), day("until"));
    if from.is_some_and(|from| until.is_some_and(|until| until < from)) {
        fault("`until` lies before `from`".to_owned());
    }
    Person {
        mail: mailbox.key(),
        given: field("given"),
        surname: field("surname"),
        birth_name: field("birth_name"),
        nickname: field("nickname"),
        unit: field("unit"),
        role: field("role"),
        from,
        until,
    }
}

/// The bytes of the line around `at`.
fn line(text: &str, at: usize) -> std::ops::Range<usize> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| at + i);
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_may_be_missing_and_in_any_order() {
        let (people, faults) = People::from_csv("units/people.csv", "Surname;mail\nOrsini;H.Orsini@Town.example\n");
        assert!(faults.is_empty(), "{faults:?}");
        let person = &people.by_mail["h.orsini@town.example"];
        assert_eq!((person.surname.as_str(), person.unit.as_str()), ("Orsini", ""));
        let (people, faults) = People::from_csv("units/people.csv", "");
        assert!(people.by_mail.is_empty() && faults.is_empty());
    }

    #[test]
    fn each_fault_names_its_line() {
        let text = "mail,gvien\na@town.example,A\nnobody,B\nA@town.example,C\n";
        let (people, faults) = People::from_csv("units/people.csv", text);
        assert_eq!(people.by_mail.len(), 1);
        let said: Vec<_> = faults.iter().map(|f| (f.line_column().unwrap(), f.message.as_str())).collect();
        assert_eq!(said[0], ((1, 6), "unknown column `gvien`"));
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `given`?"));
        assert_eq!(said[1], ((3, 1), "`nobody` is not an address: the address has no @"));
        assert_eq!(said[2], ((4, 1), "`A@town.example` is in this file twice"));
        let dates =
            "mail,from,until\na@x.example,2026-13-01,\nb@x.example,01/02/2026,\nc@x.example,2026-02-01,2026-01-31\n";
        let said: Vec<String> = People::from_csv("p", dates).1.into_iter().map(|fault| fault.message).collect();
        let wanted = ["`from` is `2026-13-01`, which is not a date", "`from` is `01/02/2026`, which is not a date"];
        assert_eq!(said[..2], wanted);
        assert_eq!(said[2], "`until` lies before `from`");
        assert!(People::from_csv("p", "name\nx\n").1.iter().any(|f| f.message.contains("no column `mail`")));
    }
}
