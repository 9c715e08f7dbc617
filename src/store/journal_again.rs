// SPDX-License-Identifier: EUPL-1.2
//! Copies that come again after they were put off (decisions D11 and D39): their rows change, and none are added. What is
//! judged now counts in the place of what was judged then, or of nothing.

use std::collections::HashMap;

use super::entry::{Entry, EntryCopy, number_of};
use super::journal_keys::{Keys, Numbers};
use super::journal_words::Words;
use super::keeping::json;
use super::later::pack_later;
use super::packed::code_of;
use super::rows::retry_key;
use super::tx::{Tx, args, statements};
use super::{StoreError, micros};
use crate::mail::address_key;

statements! {
    PUT_OFF_AGAIN = "UPDATE journaled_copy SET times = times + 1, last = $3, cause = $4 WHERE retry IN ($1, $2) \
        AND id >= $5 RETURNING id";
    PUT_OFF_BEFORE = "SELECT id FROM journaled_copy WHERE retry IN ($1, $2) AND id >= $3 ORDER BY id DESC LIMIT 1";
    SAID_AGAIN = "UPDATE journaled_copy SET reply = $2 WHERE id = $1";
    JUDGED_AGAIN = "UPDATE journaled_copy SET class = $2, disposition = $3, observed = $4, rules = $5, \
        recipient = COALESCE($6, recipient), later = $7 WHERE id = $1";
    SENDER_KNOWN = "UPDATE journaled_mail SET sender = $2 WHERE sender IS NULL \
        AND id = (SELECT MAX(id) FROM journaled_mail WHERE id <= $1)";
}

/// What each copy that is put off, or was before, is known by when it comes again. Of a recipient who is named twice in
/// one transaction each copy is another.
pub(super) fn retry_keys(entry: &Entry, keys: &Keys) -> Vec<Option<Numbers>> {
    if entry.copies.iter().all(|copy| copy.put_off.is_none()) {
        return vec![None; entry.copies.len()];
    }
    let mut named: HashMap<String, u32> = HashMap::new();
    let mut nth = Vec::with_capacity(entry.recipients.len());
    for recipient in &entry.recipients {
        let times = named.entry(address_key(recipient)).or_default();
        nth.push(*times);
        *times += 1;
    }
    let key = |copy: &EntryCopy| {
        let recipient = entry.recipients.get(copy.recipient).map(String::as_str).unwrap_or_default();
        let nth = nth.get(copy.recipient).copied().unwrap_or(0);
        Some(keys.retries(&retry_key("put off", &entry.reverse_path, recipient, &copy.put_off?, nth)))
    };
    entry.copies.iter().map(key).collect()
}

/// Changes the rows of copies that were put off before; leaves the other copies in the entry, and gives their keys. A copy
/// that an earlier attempt holds never leaves one.
pub(super) async fn again(
    tx: &mut Tx,
    entry: &mut Entry,
    retries: Vec<Option<Numbers>>,
    since: i64,
    keys: &Keys,
    words: &mut Words,
) -> Result<Vec<Option<Numbers>>, StoreError> {
    if retries.iter().all(Option::is_none) {
        return Ok(retries);
    }
    let mut left = Vec::with_capacity(retries.len());
    for (copy, retry) in std::mem::take(&mut entry.copies).into_iter().zip(retries) {
        let row = match retry {
            Some(key) => find_row(tx, entry, &copy, key, since, words).await?,
            None => None,
        };
        let Some(row) = row else {
            if copy.kept_as.is_none() {
                entry.copies.push(copy);
                left.push(retry);
            }
            continue;
        };
        let said = copy.reply.as_deref().unwrap_or(&entry.reply);
        let said = if entry.private { code_of(said) } else { said };
        tx.execute(SAID_AGAIN, args![row, &keys.seal_reply(row, said)]).await?;
        if entry.judged.is_some() {
            judged_again(tx, row, entry, &copy, keys, words).await?;
        }
    }
    Ok(left)
}

/// The row of an earlier attempt. One that is put off once more says so.
async fn find_row(
    tx: &mut Tx,
    entry: &Entry,
    copy: &EntryCopy,
    key: Numbers,
    since: i64,
    words: &mut Words,
) -> Result<Option<i64>, StoreError> {
    let row: Option<(i64,)> = if copy.kept_as.is_some() {
        tx.fetch_optional(PUT_OFF_BEFORE, args![key.now, key.before, since]).await?
    } else {
        let cause = words.optional(tx, copy.cause.as_deref()).await?;
        tx.fetch_optional(PUT_OFF_AGAIN, args![key.now, key.before, micros(entry.time), cause, since]).await?
    };
    Ok(row.map(|(row,)| row))
}

async fn judged_again(
    tx: &mut Tx,
    row: i64,
    entry: &Entry,
    copy: &EntryCopy,
    keys: &Keys,
    words: &mut Words,
) -> Result<(), StoreError> {
    let judged = entry.judged.as_ref();
    let tls = words.tls(tx, entry).await?;
    let unit = words.optional(tx, judged.map(|judged| judged.unit.as_str())).await?;
    let sources = words.optional(tx, judged.map(|judged| &*judged.sources)).await?;
    let later = keys.seal_later(row, &pack_later(entry, copy, tls, unit, sources));
    let rules = (!copy.rules.is_empty()).then(|| json(&copy.rules));
    let rules = words.optional(tx, rules.as_deref()).await?;
    let class = copy.class.map(|class| i64::from(class.number()));
    let address = entry.recipients.get(copy.recipient).filter(|_| !entry.private).map(|address| keys.address(address));
    let (disposition, observed) = (number_of(copy.disposition), copy.observed.map(number_of));
    tx.execute(JUDGED_AGAIN, args![row, class, disposition, observed, rules, address, &later]).await?;
    if !entry.private && !entry.reverse_path.is_empty() {
        tx.execute(SENDER_KNOWN, args![row, keys.address(&entry.reverse_path)]).await?;
    }
    Ok(())
}
