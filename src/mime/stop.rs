// SPDX-License-Identifier: EUPL-1.2
//! When reading must stop. The pure rooms have no clock: the caller passes this value, and they ask it.

use std::cell::Cell;

/// Asked at every part, text and detector. Once it said "stop" it says so for good.
pub struct Stop<'a> {
    ask: &'a dyn Fn() -> bool,
    said: Cell<bool>,
}

impl<'a> Stop<'a> {
    /// Ends when `ask` first answers true.
    pub fn when(ask: &'a dyn Fn() -> bool) -> Stop<'a> {
        Stop { ask, said: Cell::new(false) }
    }

    /// Reads everything, however long it takes.
    pub fn never() -> Stop<'static> {
        Stop::when(&|| false)
    }

    /// Whether to end now.
    pub fn now(&self) -> bool {
        if !self.said.get() {
            self.said.set((self.ask)());
        }
        self.said.get()
    }

    /// Whether it has said so: something was left unread.
    pub fn said(&self) -> bool {
        self.said.get()
    }
}
