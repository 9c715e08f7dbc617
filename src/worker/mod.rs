// SPDX-License-Identifier: EUPL-1.2
//! Worker processes that open hostile documents: a pool of our own executable, started with the argument `worker`, and
//! tesseract, with similar limits, for pictures of text.
//!
//! What must not live here: knowledge of formats (`document`), opinions about what was read (`detect`).
//!
//! How it fails: a [`WorkerError`] is octroi's own fault (no process could start, or none became free in time), and
//! the mail is deferred. A file that kills or overruns two fresh workers is the mail's fault: its [`Extract`] has the
//! error `crashed` or `budget`, remembered by the hash of the file (decision D17). An unread picture is not an error
//! but the property `ocr`, because most pictures contain no text.
//!
//! Standards: only the kernel's: rlimits, seccomp and landlock, as far as the kernel allows them.
//!
//! [`Extract`]: crate::document::Extract

#[forbid(unsafe_code)]
mod aside;
#[forbid(unsafe_code)]
mod child;
#[forbid(unsafe_code)]
mod extent;
#[forbid(unsafe_code)]
mod file;
#[forbid(unsafe_code)]
mod frame;
#[forbid(unsafe_code)]
mod memory;
#[forbid(unsafe_code)]
mod pictures;
#[forbid(unsafe_code)]
mod pool;
#[forbid(unsafe_code)]
mod pot;
#[forbid(unsafe_code)]
mod probe;
#[forbid(unsafe_code)]
mod process;
#[forbid(unsafe_code)]
mod protection;
#[allow(unsafe_code)]
mod sandbox;
#[forbid(unsafe_code)]
mod settings;
#[forbid(unsafe_code)]
mod starter;

pub use aside::aside;
pub use child::child_main;
pub use extent::Extent;
pub use file::{Answer, File};
pub use pictures::Tesseract;
pub use pool::{WorkerError, WorkerFigures, Workers};
pub use pot::{Pot, Taken};
pub use probe::faults;
pub use protection::{Protection, Refused};
pub use settings::WorkerSettings;
