// SPDX-License-Identifier: EUPL-1.2
//! The audit chain: every look, release, rejection and export, each entry MACed over the one before (decision D27).

use jiff::Timestamp;
use zeroize::Zeroizing;

use super::engine::Row;
use super::key::{open_with_random_nonce, seal_with_random_nonce};
use super::tx::{FromRow, Tx, args, statements};
use super::{Store, StoreError, instant, micros};
use crate::access::Entry;
use crate::mail::{MailOrCopy, address_key};

statements! {
    CHAINS = "SELECT node FROM audit UNION SELECT node FROM audit_checkpoint ORDER BY node";
    GATEWAYS = "SELECT name FROM node ORDER BY name";
    PAGE = "SELECT * FROM audit WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT 1000";
    NEWEST = "SELECT * FROM audit ORDER BY at DESC, seq DESC LIMIT $1";
    LISTED = "SELECT * FROM audit WHERE at >= $1 AND at < $2 AND (CAST($3 AS TEXT) IS NULL OR actor = $3) \
        AND (CAST($4 AS TEXT) IS NULL OR action = $4) AND (CAST($5 AS TEXT) IS NULL OR object = $5 OR object = $10 \
            OR substr(object, 1, length($6)) = $6) \
        AND (at, node, seq) < ($7, $8, $9) ORDER BY at DESC, node DESC, seq DESC LIMIT 1000";
    DECIDED = "SELECT * FROM audit WHERE object = $1 AND action IN ('release', 'reject', 'campaign-allow', 'campaign-stop') \
        ORDER BY at DESC, seq DESC LIMIT 1";
    ADDED = "INSERT INTO audit (node, seq, at, actor, role, action, object, about, ground, note, second, \
        form, mac) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 3, $12)";
    LAST_OVER = "SELECT seq, mac FROM (SELECT seq, mac, at FROM audit WHERE node = $1 ORDER BY seq LIMIT $3) AS first \
        WHERE at < $2 ORDER BY seq DESC LIMIT 1";
    LAST = "SELECT seq, mac FROM audit WHERE node = $1 ORDER BY seq DESC LIMIT 1";
    CHECKPOINT = "SELECT seq, head, mac FROM audit_checkpoint WHERE node = $1";
    CHECKPOINT_LEFT = "INSERT INTO audit_checkpoint (node, seq, head, mac) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, head = excluded.head, mac = excluded.mac \
        WHERE excluded.seq > audit_checkpoint.seq";
    CUT = "DELETE FROM audit WHERE node = $1 AND seq <= $2";
}

/// One entry. It holds ids and names of accounts, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub node: String,
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    /// By which role; none where the gateway itself acted, and in entries of before roles were kept.
    pub role: Option<String>,
    /// A word of [`crate::access::Action`].
    pub action: String,
    /// The id of what it was done to.
    pub object: String,
    /// What was proposed, where this is about a proposal.
    pub about: Option<String>,
    /// The ground's code; empty where there is none.
    pub ground: String,
    /// The person's own words.
    pub note: Option<String>,
    /// Who confirmed, where two decided.
    pub second: Option<String>,
    /// The words, as they are kept and as the MAC covers them.
    sealed: Option<Vec<u8>>,
    form: i64,
}

/// Which entries to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub actor: Option<String>,
    pub action: Option<String>,
    /// An id, where a mail's or copy's means also what belongs to it; an address means the searches for it.
    pub object: Option<String>,
    /// The last entry of the page before: its instant, gateway and number.
    pub after: Option<(Timestamp, String, i64)>,
}

/// Who decided about a copy, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub action: String,
    pub actor: String,
    pub at: Timestamp,
    pub ground: String,
    pub note: Option<String>,
    /// Who confirmed, where two decided.
    pub second: Option<String>,
}

/// The head of one chain, to be kept elsewhere (syslog, a file): it proves that the tail was not cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    pub node: String,
    pub seq: i64,
    /// The last entry's MAC, in hexadecimal.
    pub head: String,
}

impl std::fmt::Display for Anchor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "octroi-audit {} {} {}", self.node, self.seq, self.head)
    }
}

impl std::str::FromStr for Anchor {
    type Err = ();

    /// Reads what `Display` wrote, also behind a log's own prefix.
    fn from_str(line: &str) -> Result<Anchor, ()> {
        let at = line.find("octroi-audit ").ok_or(())?;
        let mut words = line.get(at..).ok_or(())?.split_ascii_whitespace().skip(1);
        let mut word = || words.next().map(str::to_owned).ok_or(());
        Ok(Anchor { node: word()?, seq: word()?.parse().map_err(|_| ())?, head: word()? })
    }
}

/// What the verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    pub entries: u64,
    /// The head of each chain.
    pub heads: Vec<Anchor>,
    /// The first place of each chain where it does not hold, in words.
    pub broken: Vec<String>,
    /// The first entry that does not fit, of the first chain that is broken.
    pub broken_at: Option<i64>,
    /// Up to which entry an anchor proves the chain; of several, this gateway's.
    pub proven_to: Option<i64>,
    /// Whether that is the last entry, in every chain.
    pub tail_proven: bool,
}

impl AuditReport {
    fn breaks(&mut self, at: i64, why: String) {
        self.broken_at = self.broken_at.or(Some(at));
        self.broken.push(why);
    }
}

impl Store {
    /// Recomputes every chain; `anchors` are heads noted elsewhere before.
    pub async fn audit_verify(&self, anchors: &[Anchor]) -> Result<AuditReport, StoreError> {
        self.verify(&mut self.reader().snapshot().await?, anchors).await
    }

    /// All of it in one snapshot: entries that expire meanwhile are no break.
    async fn verify(&self, tx: &mut Tx, anchors: &[Anchor]) -> Result<AuditReport, StoreError> {
        let nodes: Vec<(String,)> = tx.fetch_all(CHAINS, args![]).await?;
        let mut report = AuditReport {
            entries: 0,
            heads: Vec::new(),
            broken: Vec::new(),
            broken_at: None,
            proven_to: None,
            tail_proven: !nodes.is_empty(),
        };
        for (node,) in nodes {
            self.verify_chain(tx, &node, anchors, &mut report).await?;
        }
        // A gateway that has written nothing yet may have noted the head of nothing.
        for anchor in anchors.iter().filter(|anchor| anchor.seq > 0) {
            if !report.heads.iter().any(|head| head.node == anchor.node) {
                report.breaks(1, format!("the chain of {} is gone", anchor.node));
            }
        }
        Ok(report)
    }

    async fn verify_chain(
        &self,
        tx: &mut Tx,
        node: &str,
        anchors: &[Anchor],
        report: &mut AuditReport,
    ) -> Result<(), StoreError> {
        let key = &self.inner.audit_key;
        let (mut seq, mut head) = checkpoint(tx, key, node).await?.unwrap_or_else(|| {
            report.broken.push(format!("the checkpoint of {node} was changed"));
            (0, [0; 32])
        });
        let wanted: Vec<&Anchor> = anchors.iter().filter(|a| a.node == node).collect();
        let mut whole = report.broken.is_empty();
        let mut proven = None;
        // What was noted of an entry that has expired since proves nothing any more.
        let matches = |seq: i64, head: &[u8; 32]| {
            let mut noted = wanted.iter().filter(|anchor| anchor.seq == seq).peekable();
            noted.peek().is_some().then(|| noted.all(|anchor| anchor.head == hex(head)))
        };
        match matches(seq, &head) {
            Some(true) => proven = Some(seq),
            Some(false) => report.breaks(seq, format!("the checkpoint of {node} is not the entry that was noted")),
            None => {}
        }
        loop {
            let page: Vec<Row> = tx.fetch_all(PAGE, args![node, seq]).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                let kept: Vec<u8> = row.get("mac")?;
                let entry = AuditEntry::from_row(row)?;
                let mac = mac(key, &head, &entry);
                if whole && (entry.seq != seq + 1 || kept != mac) {
                    report.breaks(seq + 1, format!("the chain of {node} breaks at entry {}", seq + 1));
                    whole = false;
                }
                seq = entry.seq;
                head = mac;
                report.entries += 1;
                match matches(seq, &head) {
                    Some(true) if whole => proven = Some(seq),
                    Some(false) if whole => {
                        report.breaks(seq, format!("entry {seq} of {node} is not the one that was noted"));
                        whole = false;
                    }
                    _ => {}
                }
            }
        }
        if let Some(beyond) = wanted.iter().map(|anchor| anchor.seq).filter(|noted| *noted > seq).max() {
            let first = seq + 1;
            report.breaks(first, format!("entries {first} to {beyond} of {node} were removed"));
        }
        report.tail_proven &= proven == Some(seq);
        if node == self.inner.node {
            report.proven_to = proven;
        }
        report.heads.push(Anchor { node: node.to_owned(), seq, head: hex(&head) });
        Ok(())
    }

    /// This node's head, for the hourly note elsewhere.
    pub async fn audit_head(&self) -> Result<Anchor, StoreError> {
        let mut tx = self.reader().snapshot().await?;
        let (seq, head) = head(&mut tx, &self.inner.audit_key, &self.inner.node).await?;
        Ok(Anchor { node: self.inner.node.clone(), seq, head: hex(&head) })
    }

    /// The newest entries, newest first.
    pub async fn audit_entries(&self, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let entries = self.reader().fetch_all(NEWEST, args![i64::from(limit)]).await?;
        Ok(self.opened(entries))
    }

    /// Entries, newest first, a thousand at most.
    pub async fn audit_list(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let (at, node, seq) = match &filter.after {
            Some((at, node, seq)) => (micros(*at), node.as_str(), *seq),
            None => (i64::MAX, "", 0),
        };
        let (since, until) = (filter.since.map_or(i64::MIN, micros), filter.until.map_or(i64::MAX, micros));
        let whole = filter.object.as_deref().and_then(|object| MailOrCopy::parse(object).ok());
        let parts = whole.map(|id| id.prefix());
        let (object, before) = match &filter.object {
            Some(address) if address.contains('@') => {
                (Some(self.address_hash(address)), Some(self.hash_before(address)))
            }
            object => (object.clone(), None),
        };
        let values = args![since, until, &filter.actor, &filter.action, &object, &parts, at, node, seq, &before];
        let entries = self.reader().fetch_all(LISTED, values).await?;
        Ok(self.opened(entries))
    }

    /// Who decided about a copy or a bulk send, as the audit knows it.
    pub async fn decided(&self, id: impl AsRef<str>) -> Result<Option<Decided>, StoreError> {
        let entry: Option<AuditEntry> = self.reader().fetch_optional(DECIDED, args![id.as_ref()]).await?;
        let decided = |entry: AuditEntry| {
            let AuditEntry { action, actor, at, ground, note, second, .. } = entry;
            Decided { action, actor, at, ground, note, second }
        };
        Ok(self.opened(entry.into_iter().collect()).into_iter().next().map(decided))
    }

    /// The keyed hash that replaces an address in the audit.
    pub fn address_hash(&self, address: &str) -> String {
        let hash = blake3::keyed_hash(&self.inner.audit_address_key, address_key(address).as_bytes());
        hex(&hash.as_bytes()[..16]) // of 32
    }

    /// The same in entries of before the audit had a key of its own for it.
    pub(super) fn hash_before(&self, address: &str) -> String {
        hex(&self.inner.journal_keys.hash_before(address))
    }

    /// The same entries with their words; what does not open was changed, and `audit_verify` says where.
    fn opened(&self, mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
        let chain = self.chain();
        for entry in &mut entries {
            entry.note = entry.sealed.as_ref().map(|sealed| {
                let words = chain.open_words(&place(&entry.node, entry.seq), sealed);
                words.unwrap_or_else(|| UNREADABLE.to_owned())
            });
        }
        entries
    }

    pub(super) fn chain(&self) -> Chain {
        let (key, note_key) = (self.inner.audit_key.clone(), self.inner.audit_note_key.clone());
        Chain { node: self.inner.node.clone(), key, note_key }
    }
}

/// What a write needs to add its own entry, inside its own transaction.
#[derive(Clone)]
pub(super) struct Chain {
    node: String,
    key: Zeroizing<[u8; 32]>,
    note_key: Zeroizing<[u8; 32]>,
}

/// Shown in place of words that were changed since they were written.
const UNREADABLE: &str = "(unreadable: changed since it was written)";

/// Where words belong: sealed for one entry, they open in no other.
fn place(node: &str, seq: i64) -> String {
    format!("{node} {seq}")
}

impl Chain {
    /// Seals a person's words for one place.
    pub fn seal_words(&self, place: &str, words: &str) -> Vec<u8> {
        seal_with_random_nonce(&self.note_key, place.as_bytes(), words.as_bytes())
    }

    /// The words again; `None` where they were changed, or sealed for another place.
    pub fn open_words(&self, place: &str, sealed: &[u8]) -> Option<String> {
        let plain = open_with_random_nonce(&self.note_key, place.as_bytes(), sealed)?;
        String::from_utf8(plain.to_vec()).ok()
    }

    pub async fn add(&self, tx: &mut Tx, at: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        let (seq, previous) = head(tx, &self.key, &self.node).await?;
        let sealed = entry.note().map(|words| self.seal_words(&place(&self.node, seq + 1), words));
        let entry = AuditEntry {
            node: self.node.clone(),
            seq: seq + 1,
            at,
            actor: entry.actor().name().to_owned(),
            role: entry.actor().role().map(|role| role.as_str().to_owned()),
            action: entry.action().as_str().to_owned(),
            object: entry.object().to_owned(),
            about: entry.of().map(|action| action.as_str().to_owned()),
            ground: entry.ground().unwrap_or_default().to_owned(),
            note: None,
            second: entry.second().map(str::to_owned),
            sealed,
            form: 3,
        };
        let mac = mac(&self.key, &previous, &entry);
        let AuditEntry { node, seq, actor, role, action, object, about, ground, second, sealed, .. } = &entry;
        let at = micros(at);
        let values = args![node, *seq, at, actor, role, action, object, about, ground, sealed, second, &mac];
        tx.execute(ADDED, values).await?;
        Ok(())
    }

    /// Deletes entries from before an instant, at most `limit` of each chain; in the chains of all gateways, since one
    /// that is gone clears its own no more (each writer of a chain has its row in `node`). A signed checkpoint takes the
    /// place of the last one deleted.
    pub async fn expire(&self, tx: &mut Tx, before: i64, limit: i64) -> Result<u64, StoreError> {
        let nodes: Vec<(String,)> = tx.fetch_all(GATEWAYS, args![]).await?;
        let mut deleted = 0;
        for (node,) in nodes {
            deleted += self.expire_chain(tx, &node, before, limit).await?;
        }
        Ok(deleted)
    }

    async fn expire_chain(&self, tx: &mut Tx, node: &str, before: i64, limit: i64) -> Result<u64, StoreError> {
        let last: Option<(i64, Vec<u8>)> = tx.fetch_optional(LAST_OVER, args![node, before, limit]).await?;
        let Some((seq, mac)) = last else { return Ok(0) };
        let head = <[u8; 32]>::try_from(mac).map_err(|_| StoreError::Damaged { what: "an audit entry".into() })?;
        let mac = checkpoint_mac(&self.key, node, seq, &head);
        // A checkpoint never goes back: who finds a later one leaves it to whoever wrote that.
        if tx.execute(CHECKPOINT_LEFT, args![node, seq, &head, &mac]).await? == 0 {
            return Ok(0);
        }
        tx.execute(CUT, args![node, seq]).await
    }
}

/// Number and MAC of the last entry: those of the checkpoint if there is no entry, zeros if there never was one.
async fn head(tx: &mut Tx, key: &[u8; 32], node: &str) -> Result<(i64, [u8; 32]), StoreError> {
    let last: Option<(i64, Vec<u8>)> = tx.fetch_optional(LAST, args![node]).await?;
    let damaged = || StoreError::Damaged { what: "the audit chain".into() };
    match last {
        Some((seq, mac)) => Ok((seq, mac.try_into().map_err(|_| damaged())?)),
        None => checkpoint(tx, key, node).await?.ok_or_else(damaged),
    }
}

/// Where the chain begins; `None` where the checkpoint's own MAC does not hold.
async fn checkpoint(tx: &mut Tx, key: &[u8; 32], node: &str) -> Result<Option<(i64, [u8; 32])>, StoreError> {
    let row: Option<(i64, Vec<u8>, Vec<u8>)> = tx.fetch_optional(CHECKPOINT, args![node]).await?;
    let Some((seq, head, mac)) = row else { return Ok(Some((0, [0; 32]))) };
    let Ok(head) = <[u8; 32]>::try_from(head) else { return Ok(None) };
    Ok((mac == checkpoint_mac(key, node, seq, &head)).then_some((seq, head)))
}

fn checkpoint_mac(key: &[u8; 32], node: &str, seq: i64, head: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"checkpoint").update(&seq.to_be_bytes()).update(head).update(node.as_bytes());
    *hasher.finalize().as_bytes()
}

/// Over the MAC before and every field, each with its length in front.
fn mac(key: &[u8; 32], previous: &[u8; 32], entry: &AuditEntry) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    // The first form knew no words, the second neither role nor second person; entries of both stand until they expire.
    let form: &[u8; 5] = match entry.form {
        1 => b"entry",
        2 => b"noted",
        _ => b"acted",
    };
    hasher.update(form).update(previous).update(&entry.seq.to_be_bytes()).update(&micros(entry.at).to_be_bytes());
    for text in [&entry.node, &entry.actor, &entry.action, &entry.object, &entry.ground] {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    if entry.form != 1 {
        let length = entry.sealed.as_ref().map_or(u64::MAX, |sealed| sealed.len() as u64);
        hasher.update(&length.to_be_bytes()).update(entry.sealed.as_deref().unwrap_or_default());
    }
    if entry.form > 2 {
        for text in [&entry.role, &entry.about, &entry.second] {
            let length = text.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            hasher.update(&length.to_be_bytes()).update(text.as_deref().unwrap_or_default().as_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

impl FromRow for AuditEntry {
    fn from_row(row: Row) -> Result<AuditEntry, StoreError> {
        Ok(AuditEntry {
            node: row.get("node")?,
            seq: row.get("seq")?,
            at: instant(row.get("at")?),
            actor: row.get("actor")?,
            role: row.get("role")?,
            action: row.get("action")?,
            object: row.get("object")?,
            about: row.get("about")?,
            ground: row.get("ground")?,
            note: None,
            second: row.get("second")?,
            sealed: row.get("note")?,
            form: row.get("form")?,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::CopyId;
    use crate::store::{Retention, StoreSettings};

    #[tokio::test]
    async fn entries_that_expire_while_a_chain_is_verified_break_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [database, blobs, key_file] = ["db", "blobs", "key"].map(|name| folder.path().join(name));
        let settings = StoreSettings {
            database,
            blobs,
            key_file,
            node: Some("gate".into()),
            shared: false,
            keep_free: 0,
            quota: None,
            retention: Retention::default(),
        };
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let store = Store::open(settings, noon).await.unwrap();
        for day in [0, 0, 9] {
            let at = noon + jiff::SignedDuration::from_hours(24 * day);
            store.note(at, &Entry::expired(&CopyId::parse("M1-1").unwrap())).await.unwrap();
        }
        let mut tx = store.reader().snapshot().await.unwrap();
        // A snapshot begins with its first read.
        checkpoint(&mut tx, &store.inner.audit_key, "gate").await.unwrap();
        let later = noon + jiff::SignedDuration::from_hours(24 * 1097);
        assert_eq!(store.sweep(later).await.unwrap().audit_deleted, 2);
        let report = store.verify(&mut tx, &[]).await.unwrap();
        assert_eq!((report.entries, report.broken), (3, Vec::<String>::new()));
        drop(tx);
        let report = store.audit_verify(&[]).await.unwrap();
        assert_eq!((report.entries, report.broken), (1, Vec::<String>::new()));
    }
}
