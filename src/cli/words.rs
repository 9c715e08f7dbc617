// SPDX-License-Identifier: EUPL-1.2
//! One vocabulary: if somebody types a word of prose for a state or a command, the error offers the right one.

use clap::error::{ContextKind, ContextValue, ErrorKind};

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
