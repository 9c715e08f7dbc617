// SPDX-License-Identifier: EUPL-1.2
//! The words of the journal: texts that many mails have in common (units, sets of rules, causes, versions), each a number
//! in the rows.

use std::collections::HashMap;

use super::StoreError;
use super::entry::Entry;
use super::tx::{Reader, Tx, args, statements};

statements! {
    WORD_ADDED = "INSERT INTO journaled_word (id, word) \
        VALUES ((SELECT COALESCE(MAX(id), 0) + 1 FROM journaled_word), $1) ON CONFLICT (word) DO NOTHING";
    WORD = "SELECT id FROM journaled_word WHERE word = $1";
    WORD_OF = "SELECT word FROM journaled_word WHERE id = $1";
}

/// Beyond so many words all are asked for again: there are as many as units, sets of rules and versions.
const MOST_WORDS: usize = 100_000;

/// Words whose numbers are known, for writing.
#[derive(Debug, Default)]
pub(super) struct Words(HashMap<String, i64>);

impl Words {
    pub async fn number(&mut self, tx: &mut Tx, word: &str) -> Result<i64, StoreError> {
        if let Some(number) = self.0.get(word) {
            return Ok(*number);
        }
        tx.execute(WORD_ADDED, args![word]).await?;
        let (number,): (i64,) = tx.fetch_one(WORD, args![word]).await?;
        if self.0.len() >= MOST_WORDS {
            self.0.clear();
        }
        self.0.insert(word.to_owned(), number);
        Ok(number)
    }

    /// No number for no word.
    pub async fn optional(&mut self, tx: &mut Tx, word: Option<&str>) -> Result<Option<i64>, StoreError> {
        match word.filter(|word| !word.is_empty()) {
            Some(word) => self.number(tx, word).await.map(Some),
            None => Ok(None),
        }
    }

    /// The numbers of how both sides of a mail were protected; 0 for in clear.
    pub async fn tls(&mut self, tx: &mut Tx, entry: &Entry) -> Result<[i64; 2], StoreError> {
        let client = self.optional(tx, entry.client_tls.as_deref()).await?;
        let next_hop = self.optional(tx, entry.next_hop_tls.as_deref()).await?;
        Ok([client, next_hop].map(|number| number.unwrap_or(0)))
    }
}

/// Numbers whose words are known, for one reading.
pub(super) struct Spelled<'r> {
    reader: &'r Reader,
    known: HashMap<i64, Option<String>>,
}

impl<'r> Spelled<'r> {
    pub fn by(reader: &'r Reader) -> Spelled<'r> {
        Spelled { reader, known: HashMap::new() }
    }

    /// The word of a number; none for none, and for 0.
    pub async fn word(&mut self, number: Option<i64>) -> Result<Option<&str>, StoreError> {
        let Some(number) = number.filter(|number| *number != 0) else { return Ok(None) };
        if !self.known.contains_key(&number) {
            let word: Option<(String,)> = self.reader.fetch_optional(WORD_OF, args![number]).await?;
            self.known.insert(number, word.map(|(word,)| word));
        }
        // A number without its word: what was said is lost.
        match self.known.get(&number) {
            Some(Some(word)) => Ok(Some(word)),
            _ => Err(StoreError::row("a word of the journal")),
        }
    }

    /// The same, as a text of its own.
    pub async fn text(&mut self, number: Option<i64>) -> Result<Option<String>, StoreError> {
        Ok(self.word(number).await?.map(str::to_owned))
    }

    /// The ids of rules that a word lists.
    pub async fn rules(&mut self, number: Option<i64>) -> Result<Vec<String>, StoreError> {
        match self.word(number).await? {
            Some(rules) => serde_json::from_str(rules).map_err(|_| StoreError::row("the rules of a journal row")),
            None => Ok(Vec::new()),
        }
    }
}
