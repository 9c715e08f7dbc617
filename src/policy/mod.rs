// SPDX-License-Identifier: EUPL-1.2
//! What we decide: recipient classes, rules, and the verdict on each copy.

pub mod verdict;
pub mod settle;
