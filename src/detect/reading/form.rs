// SPDX-License-Identifier: EUPL-1.2
//! What the reader of TOML says of a file's form, in words for people.

/// The same fault in words that need no knowledge of the program. Names stay in backticks: they are looked up.
pub fn humane(message: &str) -> String {
    let message = message.trim();
    let expected = message.rsplit_once(", expected ");
    let Some((found, expected)) = expected.filter(|_| message.starts_with("invalid ")) else {
        return match message.strip_prefix("missing field ") {
            Some(name) => format!("the key {name} is missing"),
            None => message.to_owned(),
        };
    };
    let found = found.rsplit_once(": ").map_or(found, |(_, found)| found);
    let wanted = match expected.trim() {
        "u8" | "u16" | "u32" | "u64" | "i64" | "usize" => "a whole number without quotation marks is expected",
        "a boolean" => "true or false, without quotation marks, is expected",
        "a string" => "a text in quotation marks is expected",
        "a sequence" if found == "map" => {
            "several of these may stand here: write [[name]] with two brackets, or a list [ … ]"
        }
        "a sequence" => "a list is expected: [\"one\", \"two\"]",
        text if text.starts_with("struct ") || text.contains("map") => "a section is expected",
        other => other,
    };
    let found = match found {
        "map" => "a section".to_owned(),
        "sequence" => "a list".to_owned(),
        found => found.replacen("string ", "the text ", 1).replacen("integer ", "the number ", 1).replacen(
            "floating point ",
            "the number ",
            1,
        ),
    };
    format!("{wanted}, and this is {found}")
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562 §4), also in braces.
pub fn is_guid(text: &str) -> bool {
    let plain = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let parts: Vec<&str> = plain.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_names_a_type_of_the_program() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(dead_code)]
        struct Row {
            rank: u8,
            words: Vec<String>,
            caveat: bool,
        }
        for (text, part) in [
            ("rank = \"2\"\nwords = []\ncaveat = true", "a whole number"),
            ("rank = -1\nwords = []\ncaveat = true", "a whole number"),
            ("rank = 2\nwords = \"x\"\ncaveat = true", "a list is expected"),
            ("rank = 2\ncaveat = true\n[words]\nx = 1", "two brackets"),
            ("rank = 2\nwords = [1]\ncaveat = true", "in quotation marks"),
            ("rank = 2\nwords = []\ncaveat = \"yes\"", "true or false"),
            ("rank = 2\nwords = []", "the key `caveat` is missing"),
        ] {
            let said = humane(toml::from_str::<Row>(text).unwrap_err().message());
            assert!(said.contains(part), "{text}: {said}");
            assert!(
                !["u8", "struct", "sequence", "boolean", "invalid"].iter().any(|word| said.contains(word)),
                "{said}"
            );
        }
        assert_eq!(humane("unknown field `rnak`, expected `rank`"), "unknown field `rnak`, expected `rank`");
    }

    #[test]
    fn a_guid_has_its_form() {
        assert!(is_guid("7B1d0c52-0000-4000-8000-0123456789ab") && is_guid("{7b1d0c52-0000-4000-8000-0123456789ab}"));
        assert!(!is_guid("7b1d0c52") && !is_guid("7b1d0c52-0000-4000-8000-0123456789xy"));
    }
}
