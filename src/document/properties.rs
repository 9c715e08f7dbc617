// SPDX-License-Identifier: EUPL-1.2
//! Properties of office packages: core, application, custom (ECMA-376 part 1 §22) and sensitivity labels
//! (MS-OFFCRYPTO §2.6, `docMetadata/LabelInfo.xml`).

use super::paragraphs::Pages;
use super::xml::Node;
use super::{DocumentError, Extract, xml};

/// Properties that are language and may carry a marking; the others are names and numbers.
const SPOKEN: &[&str] = &[
    "title",
    "subject",
    "keywords",
    "keyword",
    "description",
    "category",
    "contentStatus",
    "Company",
    "Manager",
    "HyperlinkBase",
    "LinkBase",
];

/// Each element with text is a property by its local name.
pub(super) fn core(xml: &str, extract: &mut Extract, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut element = String::new();
    let mut value = String::new();
    xml::walk(xml, &mut |node| match node {
        Node::Start(start) => {
            element.clear();
            element.push_str(start.name);
            value.clear();
        }
        Node::Text(text) => value.push_str(text),
        Node::End(name) => {
            if name == element && !value.trim().is_empty() {
                extract.property(name, &value);
                if SPOKEN.contains(&name) {
                    pages.line("#metadata", &value);
                }
            }
            value.clear();
        }
    })
}

/// `<property name="…"><vt:lpwstr>…`, and ODF's `<meta:user-defined meta:name="…">…`.
pub(super) fn custom(xml: &str, extract: &mut Extract, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut name = None;
    let mut value = String::new();
    xml::walk(xml, &mut |node| match node {
        Node::Start(start) if start.name == "property" => {
            name = start.attribute("name");
            value.clear();
        }
        Node::Start(_) => {}
        Node::Text(text) => value.push_str(text),
        Node::End("property") => {
            if let Some(name) = name.take() {
                note(&name, &value, extract, pages);
            }
        }
        Node::End(_) => {}
    })
}

/// One property set by a user or a product.
pub(super) fn note(name: &str, value: &str, extract: &mut Extract, pages: &mut Pages) {
    extract.property(name, value);
    // Label properties are for the label detector; their names must not read as markings in the text.
    if !name.starts_with("MSIP_Label") && value.chars().any(char::is_alphabetic) {
        pages.line("#metadata", value);
    }
}

/// `<clbl:label id="{GUID}" enabled="1" siteId="{…}" …/>` as the custom properties that older files have.
pub(super) fn label(xml: &str, extract: &mut Extract) -> Result<(), DocumentError> {
    xml::walk(xml, &mut |node| {
        let Node::Start(element) = node else { return };
        let Some(id) = element.attribute("id").filter(|_| element.name == "label") else { return };
        let id = id.trim_matches(['{', '}']).to_owned();
        for (name, value) in element.attributes() {
            let (suffix, value) = match name.as_str() {
                "enabled" => ("Enabled", if value == "1" { "true".into() } else { value }),
                "siteId" => ("SiteId", value.trim_matches(['{', '}']).to_owned()),
                "name" => ("Name", value),
                "method" => ("Method", value),
                "removed" => ("Removed", value),
                "contentBits" => ("ContentBits", value),
                _ => continue,
            };
            extract.property(format!("MSIP_Label_{id}_{suffix}"), &value);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_both_kinds_have_one_form() {
        let mut extract = Extract::default();
        let xml =
            "<clbl:labelList><clbl:label id=\"{ab-1}\" enabled=\"1\" siteId=\"{s-1}\" removed=\"0\"/></clbl:labelList>";
        assert_eq!(label(xml, &mut extract), Ok(()));
        assert!(extract.properties.contains(&("MSIP_Label_ab-1_Enabled".into(), "true".into())));
        assert!(extract.properties.contains(&("MSIP_Label_ab-1_SiteId".into(), "s-1".into())));
    }
}
