// SPDX-License-Identifier: EUPL-1.2
//! octroi, an outbound mail gateway. This list is the map: a room (top-level module) may use only rooms above it.

// Pure: values in, values out. No tokio, sockets, files, clock or randomness.
#[forbid(unsafe_code)]
pub mod mail;
#[forbid(unsafe_code)]
pub mod diagnostic;
#[forbid(unsafe_code)]
pub mod smtp;
#[forbid(unsafe_code)]
pub mod milter;
#[forbid(unsafe_code)]
pub mod mime;
#[forbid(unsafe_code)]
pub mod document;
#[forbid(unsafe_code)]
pub mod lists;
#[forbid(unsafe_code)]
pub mod campaign;
#[forbid(unsafe_code)]
pub mod directory;
#[forbid(unsafe_code)]
pub mod detect;
#[forbid(unsafe_code)]
pub mod policy;
#[forbid(unsafe_code)]
pub mod notice;
#[forbid(unsafe_code)]
pub mod access;
// With the world.
#[forbid(unsafe_code)]
pub mod store;
#[forbid(unsafe_code)]
pub mod deliver;
pub mod worker;
#[forbid(unsafe_code)]
pub mod pipeline;
#[forbid(unsafe_code)]
pub mod desk;
#[forbid(unsafe_code)]
pub mod listen;
#[forbid(unsafe_code)]
pub mod config;
#[forbid(unsafe_code)]
pub mod app;
#[forbid(unsafe_code)]
pub mod cli;
