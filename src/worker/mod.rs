// SPDX-License-Identifier: EUPL-1.2
//! The processes that open hostile documents: a pool of our own executable, re-invoked with the argument `worker`,
//! and tesseract, behind limits of the same kind, for pictures of text.
//!
//! What must not live here: knowledge of formats (that is `document`), opinions about what was read (that is `detect`).
//!
//! How it fails: [`WorkerError`] is ours (no process could be started, no worker became free in time: the mail is
//! deferred). A file that kills or overruns two fresh workers is the mail's fault: an [`Extract`] with the fault
//! `crashed` or `budget`, remembered by the file's hash (decision D17).
//! A picture that was not read is no fault but the property `ocr`, for most pictures hold no text.
//!
//! Standards: none but the kernel's: rlimits, seccomp and landlock, each as far as the kernel grants it.
//!
//! [`Extract`]: crate::document::Extract

#[forbid(unsafe_code)]
mod child;
#[forbid(unsafe_code)]
mod frame;
#[forbid(unsafe_code)]
mod memory;
#[forbid(unsafe_code)]
mod pictures;
#[forbid(unsafe_code)]
mod pool;
#[allow(unsafe_code)]
mod sandbox;

pub use child::child_main;
pub use pictures::Tesseract;
pub use pool::{WorkerError, WorkerSettings, Workers};
