// SPDX-License-Identifier: EUPL-1.2
//! The shipped policies, compiled into the program, so that `octroi demo` works everywhere.

use std::io;
use std::path::Path;

/// Writes the shipped policy folder to a place that does not exist yet.
///
/// # Errors
/// The place cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    for (path, text) in FILES {
        let at = folder.join(path);
        if let Some(parent) = at.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(at, text)?;
    }
    Ok(())
}

/// A file as it is shipped, by its path below `policies/`.
pub fn text(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

macro_rules! shipped {
    ($($path:literal,)*) => { &[$(($path, include_str!(concat!("../../policies/", $path)))),*] };
}

/// Path below `policies/` and content; the policy tests are left out.
const FILES: &[(&str, &str)] = shipped![
    "domains/allowed.list",
    "domains/cloud-storage.list",
    "domains/consumer-mx.list",
    "domains/disposable.list",
    "domains/file-transfer.list",
    "domains/meeting.list",
    "domains/messenger.list",
    "domains/own.list",
    "domains/partner.list",
    "domains/private-webmail.list",
    "domains/social.list",
    "limits.toml",
    "lists/README.md",
    "lists/agents.toml.example",
    "lists/modeles/document-disponible.txt",
    "markings/around.toml",
    "markings/belgium.toml",
    "markings/eu.toml",
    "markings/france.toml",
    "markings/germany.toml",
    "markings/morocco.toml",
    "markings/nato.toml",
    "markings/netherlands.toml",
    "markings/tlp.toml",
    "markings/uk.toml",
    "markings/usage.toml",
    "notices/README.md",
    "notices/en/advice.md",
    "notices/en/automatic-forward.md",
    "notices/en/consumer-link.md",
    "notices/en/digest.md",
    "notices/en/disguised.md",
    "notices/en/expired.md",
    "notices/en/expiring.md",
    "notices/en/foot.md",
    "notices/en/held.md",
    "notices/en/list-reuse.md",
    "notices/en/lookalike.md",
    "notices/en/many-persons.md",
    "notices/en/marked.md",
    "notices/en/outcome-delivered.md",
    "notices/en/outcome-held.md",
    "notices/en/outcome-refused.md",
    "notices/en/outcome-stripped.md",
    "notices/en/private-mailbox.md",
    "notices/en/rejected.md",
    "notices/en/released.md",
    "notices/en/several.md",
    "notices/en/unopened.md",
    "notices/fr/advice.md",
    "notices/fr/automatic-forward.md",
    "notices/fr/consumer-link.md",
    "notices/fr/digest.md",
    "notices/fr/disguised.md",
    "notices/fr/expired.md",
    "notices/fr/expiring.md",
    "notices/fr/foot.md",
    "notices/fr/held.md",
    "notices/fr/list-reuse.md",
    "notices/fr/lookalike.md",
    "notices/fr/many-persons.md",
    "notices/fr/marked.md",
    "notices/fr/outcome-delivered.md",
    "notices/fr/outcome-held.md",
    "notices/fr/outcome-refused.md",
    "notices/fr/outcome-stripped.md",
    "notices/fr/private-mailbox.md",
    "notices/fr/rejected.md",
    "notices/fr/released.md",
    "notices/fr/several.md",
    "notices/fr/unopened.md",
    "notices/nl/advice.md",
    "notices/nl/automatic-forward.md",
    "notices/nl/consumer-link.md",
    "notices/nl/digest.md",
    "notices/nl/disguised.md",
    "notices/nl/expired.md",
    "notices/nl/expiring.md",
    "notices/nl/foot.md",
    "notices/nl/held.md",
    "notices/nl/list-reuse.md",
    "notices/nl/lookalike.md",
    "notices/nl/many-persons.md",
    "notices/nl/marked.md",
    "notices/nl/outcome-delivered.md",
    "notices/nl/outcome-held.md",
    "notices/nl/outcome-refused.md",
    "notices/nl/outcome-stripped.md",
    "notices/nl/private-mailbox.md",
    "notices/nl/rejected.md",
    "notices/nl/released.md",
    "notices/nl/several.md",
    "notices/nl/unopened.md",
    "rules/links.cedar",
    "rules/lookalikes.cedar",
    "rules/markings.cedar",
    "rules/persons.cedar",
    "rules/private-mailboxes.cedar",
    "rules/unreadable.cedar",
    "schema.cedarschema",
    "units/people.csv",
    "units/units.toml",
    "words/ar.toml",
    "words/bg.toml",
    "words/ca.toml",
    "words/cs.toml",
    "words/da.toml",
    "words/de.toml",
    "words/el.toml",
    "words/en.toml",
    "words/es.toml",
    "words/et.toml",
    "words/fi.toml",
    "words/fr.toml",
    "words/ga.toml",
    "words/gl.toml",
    "words/hr.toml",
    "words/hu.toml",
    "words/it.toml",
    "words/lt.toml",
    "words/lv.toml",
    "words/mt.toml",
    "words/nl.toml",
    "words/no.toml",
    "words/pl.toml",
    "words/pt.toml",
    "words/ro.toml",
    "words/ru.toml",
    "words/sk.toml",
    "words/sl.toml",
    "words/sv.toml",
    "words/tr.toml",
    "words/uk.toml",
    "words/zh.toml",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_the_whole_folder_but_its_tests() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let on_disk = crate::app::read_policies(&folder).unwrap();
        let expected: Vec<&str> = on_disk.keys().map(String::as_str).filter(|p| !p.starts_with("tests/")).collect();
        let mut have: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        have.sort_unstable();
        assert_eq!(have, expected);
    }
}
