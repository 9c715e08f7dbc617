// SPDX-License-Identifier: EUPL-1.2
//! Policy: lists, rules, verdicts, and the shipped policy's meaning.

mod cases;
mod faults;
mod lists;
mod memo;
mod replay;
mod returned;
mod sender;
mod shipped;
mod support;
mod verdicts;
