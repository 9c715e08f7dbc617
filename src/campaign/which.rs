// SPDX-License-Identifier: EUPL-1.2
//! Which of the lists that explain recipients explains them best.

/// Bits that name somebody who is not on the list.
const STRANGER: f64 = 24.0;

/// How long it takes to name recipients with the help of a list: which of them are on it, which members those are, and
/// who the others are; what the list's order tells is not named again.
pub(super) fn description(recipients: u32, hits: u32, size: usize, order: f32) -> f64 {
    let (n, h) = (f64::from(recipients), f64::from(hits.min(recipients)));
    let entropy = |part: f64| {
        if part <= 0.0 || part >= 1.0 { 0.0 } else { -part * part.log2() - (1.0 - part) * (1.0 - part).log2() }
    };
    let mixed = if n > 0.0 { n * entropy(h / n) } else { 0.0 };
    mixed + h * (size.max(2) as f64).log2() + (n - h) * STRANGER - f64::from(order.max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_list_that_explains_is_the_shortest_description() {
        let portal = description(100, 100, 2_346_303, 0.0);
        assert!(description(100, 100, 12_000, 0.0) < portal, "the region's extract");
        assert!(description(100, 92, 12_000, 0.0) < portal, "nearly all are of the region");
        assert!(description(100, 30, 12_000, 0.0) > portal, "a few are");
        assert!(description(100, 100, 2_346_303, 15.0) < portal, "between exports the order decides");
        assert!(description(0, 0, 0, 0.0).abs() < 1e-9);
    }
}
