// SPDX-License-Identifier: EUPL-1.2
//! Settings, command line, control socket, health pages.
mod campaigns;
mod command_line;
mod control;
mod deeds;
mod effects;
mod files;
mod pages;
mod reference;
mod settings;
mod ten_faults;
