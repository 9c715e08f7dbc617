// SPDX-License-Identifier: EUPL-1.2
//! octroi, an outbound mail gateway. This list is the map: a room may use only rooms above it.

// Pure: values in, values out. No tokio, sockets, files, clock or randomness.
pub mod mail;
pub mod smtp;
pub mod milter;
pub mod mime;
pub mod document;
pub mod detect;
pub mod policy;
pub mod notice;
// With the world.
pub mod store;
pub mod deliver;
pub mod worker;
pub mod pipeline;
pub mod listen;
pub mod config;
pub mod app;
pub mod cli;
