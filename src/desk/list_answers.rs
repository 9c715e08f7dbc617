// SPDX-License-Identifier: EUPL-1.2
//! What is asked about registered lists, and what is answered: the contract's JSON of `lists`.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::lists::rows::Report;

/// A file to be registered as a list's members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportList {
    pub name: String,
    #[serde(default)]
    pub export: Option<String>,
    #[serde(default)]
    pub date: Option<Date>,
    #[serde(default)]
    pub column: Option<String>,
    #[serde(default)]
    pub keys: Vec<String>,
}

/// A file to be written out with canaries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportList {
    pub name: String,
    #[serde(rename = "for")]
    pub for_whom: String,
    pub canaries: usize,
    #[serde(default)]
    pub column: Option<String>,
}

/// What was registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    #[serde(flatten)]
    pub report: Report,
    /// The version of the policies that count these members; absent where the policies could not be put in force.
    pub version: Option<String>,
    /// What deserves a look; never an address.
    pub warnings: Vec<String>,
}

/// On which lists one address is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    pub address: String,
    pub lists: Vec<MatchedList>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedList {
    pub name: String,
    pub export: Option<String>,
    /// The row in the file, from 0.
    pub position: u32,
}

/// The canaries of one export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canaries {
    pub list: String,
    pub export: Option<String>,
    pub date: Date,
    #[serde(rename = "for")]
    pub for_whom: Option<String>,
    pub canaries: u64,
    /// For the data protection officer alone, and with a reason.
    pub addresses: Option<Vec<String>>,
}
