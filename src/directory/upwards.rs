// SPDX-License-Identifier: EUPL-1.2
//! A unit and those above it, as their paths say.

/// `sg/achats`, then `sg`.
pub fn upwards(path: &str) -> impl Iterator<Item = &str> {
    let path = path.trim_matches('/');
    std::iter::successors((!path.is_empty()).then_some(path), |path| path.rsplit_once('/').map(|(above, _)| above))
}
