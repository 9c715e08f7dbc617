// SPDX-License-Identifier: EUPL-1.2
//! The one test program: every file beside this one is a chapter.
mod document;
