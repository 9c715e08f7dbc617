// SPDX-License-Identifier: EUPL-1.2
//! The table of strings, laid anew in the order in which the sheets use them: what is new does not stand at its end.

use std::collections::HashMap;
use std::io::{Read, Write};

use super::super::ExportError;
use super::super::place::Planting;
use super::is_named;
use crate::lists::rows::xlsx::{Piece, Scan, Shared, attribute, escape};

/// Old numbers and new strings, each with its new number.
pub struct Strings {
    /// By old number; `u32::MAX` where not yet used.
    numbers: Vec<u32>,
    order: Vec<Item>,
    /// Texts of canaries' cells that the table has, and those that it has not.
    known: HashMap<String, Option<u32>>,
    new: HashMap<String, u32>,
    /// Cells that point here beyond those of the source.
    added: u64,
}

enum Item {
    Old(u32),
    New(String),
}

impl Strings {
    pub fn new(shared: &Shared, plantings: &[Planting]) -> Strings {
        let mut known: HashMap<String, Option<u32>> =
            plantings.iter().flat_map(|planting| &planting.cells).map(|cell| (cell.clone(), None)).collect();
        for index in 0..shared.len() {
            let text = shared.get(index).and_then(|text| std::str::from_utf8(text).ok());
            if let Some(number @ None) = text.and_then(|text| known.get_mut(text)) {
                *number = Some(index as u32);
            }
        }
        Strings { numbers: vec![u32::MAX; shared.len()], order: Vec::new(), known, new: HashMap::new(), added: 0 }
    }

    /// The new number of an old string.
    pub fn old(&mut self, index: usize) -> Option<u32> {
        let number = self.numbers.get_mut(index)?;
        if *number == u32::MAX {
            *number = self.order.len() as u32;
            self.order.push(Item::Old(index as u32));
        }
        Some(*number)
    }

    /// The number of a text in a canary's cell.
    pub fn text(&mut self, text: &str) -> u32 {
        self.added += 1;
        if let Some(Some(index)) = self.known.get(text)
            && let Some(number) = self.old(*index as usize)
        {
            return number;
        }
        *self.new.entry(text.to_owned()).or_insert_with(|| {
            self.order.push(Item::New(text.to_owned()));
            self.order.len() as u32 - 1
        })
    }

    /// Writes the table; `head` is the old one as a stream, `raw` its strings as written.
    pub fn write<R: Read, W: Write>(&mut self, out: &mut W, head: R, raw: &Shared) -> Result<(), ExportError> {
        // What no sheet uses stays, behind the others.
        (0..self.numbers.len()).for_each(|index| _ = self.old(index));
        let mut scan = Scan::new(head);
        while let Some(piece) = scan.piece()? {
            if piece == Piece::Open && is_named(&scan.raw, b"sst") {
                let tag = String::from_utf8_lossy(&scan.raw).into_owned();
                let counted = |tag: String, key: &str, value: u64| match attribute(tag.as_bytes(), key) {
                    Some(old) => tag.replacen(&format!(" {key}=\"{old}\""), &format!(" {key}=\"{value}\""), 1),
                    None => tag,
                };
                let count = attribute(tag.as_bytes(), "count").and_then(|count| count.parse::<u64>().ok());
                let tag = counted(tag, "uniqueCount", self.order.len() as u64);
                let tag = counted(tag, "count", count.unwrap_or_default() + self.added);
                out.write_all(tag.as_bytes())?;
                break;
            }
            out.write_all(&scan.raw)?;
        }
        let prefix = raw.get(0).map(prefix_of).unwrap_or_default();
        for item in &self.order {
            match item {
                Item::Old(index) => out.write_all(raw.get(*index as usize).unwrap_or_default())?,
                Item::New(text) => {
                    let space = if text.trim() == text { "" } else { " xml:space=\"preserve\"" };
                    write!(out, "<{prefix}si><{prefix}t{space}>{}</{prefix}t></{prefix}si>", escape(text))?;
                }
            }
        }
        let close = format!("</{prefix}sst>");
        out.write_all(close.as_bytes())?;
        Ok(())
    }
}

/// The prefix that a tag's name has, with its colon.
pub fn prefix_of(tag: &[u8]) -> String {
    let name: Vec<u8> = tag.iter().skip(1).copied().take_while(|b| b.is_ascii_alphanumeric() || *b == b':').collect();
    memchr::memrchr(b':', &name).map_or(String::new(), |colon| String::from_utf8_lossy(&name[..=colon]).into_owned())
}
