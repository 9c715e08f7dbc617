// SPDX-License-Identifier: EUPL-1.2
//! The one test program: every file beside this one is a chapter.

mod architecture;
mod clean;
mod config;
mod demo;
mod desk;
mod detect;
mod document;
mod limits;
mod measurements;
mod mime;
mod notices;
mod pages;
mod path;
mod policy;
mod rfc;
mod settle;
mod shipped;
mod skip;
mod smtp;
mod store;
