// SPDX-License-Identifier: EUPL-1.2
//! Documents: every format and place, containers open and closed, bombs, mutations, and the processes that read them.

mod archives;
mod bombs;
pub mod make;
mod matrix;
mod mutations;
mod pdf;
mod pictures;
mod places;
mod sandbox;
mod unread;
mod workers;
