// SPDX-License-Identifier: EUPL-1.2
//! The shipped files of words, compiled in: they speak for a language of which the policy folder has no file.

macro_rules! shipped {
    ($($language:literal)*) => {
        &[$((concat!("words/", $language, ".toml"),
             include_str!(concat!("../../../../policies/words/", $language, ".toml")))),*]
    };
}

/// Path below `policies/` and content.
pub const SHIPPED: &[(&str, &str)] = shipped![
    "ar" "bg" "ca" "cs" "da" "de" "el" "en" "es" "et" "fi" "fr" "ga" "gl" "hr" "hu" "it" "lt" "lv" "mt" "nl" "no" "pl"
    "pt" "ro" "ru" "sk" "sl" "sv" "tr" "uk" "zh"
];
