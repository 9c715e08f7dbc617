// SPDX-License-Identifier: EUPL-1.2
//! The account of memory for reading, bounded by a setting and not by clients (decision D32). What a mail has of it grows
//! with what is really there: its parts, then its texts, then what is told of its documents.
//!
//! Half of all is for one mail at a time, which may have much; the rest is shared. Nobody who has the half waits for a
//! share, and nobody waits for a share who could do with the half: so each mail comes to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

use super::PipelineError;
use crate::deliver::deadline::Deadline;
use crate::detect::reading::text;
use crate::document::Extract;
use crate::mime::{Body, Message};
use crate::worker::{Extent, Pot, Taken};

/// What reading a message takes at most, in its own size: measured with messages of one large text, which are the
/// dearest (decoded, as shown, in normal form, and copies on the way), the content itself counted by the listener.
const READING: usize = 6;
/// The same without the parts as decoded: in the size of its texts.
const FORMS: usize = READING - 1;
/// Mails up to this size have a share of their own, so that they never wait for larger ones.
const SMALL_MAIL: usize = 128 << 10;
/// Bytes of text of a document that is opened before anybody knows whether there is much in it.
const SMALL_FILE: usize = 256 << 10;
/// Bytes of text of a document that may stand beside others of its size.
const MEDIUM_FILE: usize = 4 << 20;
/// Bytes of text of one mail, however much memory there is.
const MOST_TEXT: usize = 64 << 20;
/// Documents of one mail that are opened at once.
const AT_ONCE: usize = 2;
/// How long a document waits for a share before its mail asks for the half.
const A_WHILE: Duration = Duration::from_secs(3);

/// The memory all messages share while they are read.
pub struct MemoryBudget(Arc<Shares>);

struct Shares {
    all: AtomicUsize,
    small: Pot,
    middle: Pot,
    documents: Pot,
    /// For documents that take more than a quick look.
    longer: Pot,
    /// The right to have much.
    much: Arc<Semaphore>,
}

/// Of sixteen: small mails, larger ones, documents, what is remembered of them, their pictures. The rest is the half.
const SMALL: usize = 1;
const MIDDLE: usize = 2;
const DOCUMENTS: usize = 2;
const REMEMBERED: usize = 1;
const PICTURES: usize = 2;

impl MemoryBudget {
    pub fn new(bytes: u64) -> MemoryBudget {
        let all = usize::try_from(bytes).unwrap_or(usize::MAX);
        MemoryBudget(Arc::new(Shares {
            all: AtomicUsize::new(all),
            small: Pot::new(share(all, SMALL)),
            middle: Pot::new(share(all, MIDDLE)),
            documents: Pot::new(share(all, DOCUMENTS) / 2),
            longer: Pot::new(share(all, DOCUMENTS) / 2),
            much: Arc::new(Semaphore::new(1)),
        }))
    }

    /// Changes how much there is. What is taken stays taken.
    pub fn resize(&self, bytes: u64) {
        let all = usize::try_from(bytes).unwrap_or(usize::MAX);
        let shares = &self.0;
        shares.all.store(all, Relaxed);
        shares.small.resize(share(all, SMALL));
        shares.middle.resize(share(all, MIDDLE));
        for pot in [&shares.documents, &shares.longer] {
            pot.resize(share(all, DOCUMENTS) / 2);
        }
    }

    /// How much there is.
    pub fn bytes(&self) -> usize {
        self.0.all.load(Relaxed)
    }

    /// Bytes of extracts that workers remember, however much memory there is, and of pictures that wait for their reader.
    pub fn for_workers(bytes: u64) -> (usize, usize) {
        /// A bulk send asks for the same few files.
        const MOST_REMEMBERED: usize = 64 << 20;
        /// What one file may unpack to.
        const MOST_PICTURES: usize = 200 << 20;
        let all = usize::try_from(bytes).unwrap_or(usize::MAX);
        (share(all, REMEMBERED).min(MOST_REMEMBERED), share(all, PICTURES).min(MOST_PICTURES))
    }

    /// Waits for memory for a message of `size` bytes, first come first served. The deadline is for all that it waits
    /// for later, too.
    ///
    /// # Errors
    /// There was none in time.
    pub async fn take(&self, size: usize, deadline: Deadline) -> Result<Reserved, PipelineError> {
        let shares = &self.0;
        let whole = size.saturating_mul(READING);
        let is_small = size <= SMALL_MAIL && whole <= shares.small.bytes() / 2;
        let reserved = Reserved(Arc::new(Held {
            texts: AtomicUsize::new(0),
            // As read and in normal form half of all.
            most: (shares.all.load(Relaxed) / 4).min(MOST_TEXT),
            kept: std::sync::Mutex::default(),
            much: OnceCell::new(),
            quick: Arc::new(Semaphore::new(AT_ONCE)),
            longer: Arc::new(Semaphore::new(1)),
            is_small,
            shares: shares.clone(),
            deadline,
        }));
        if is_small {
            reserved.0.wait_for(&shares.small, whole).await?;
        } else if size <= shares.middle.bytes() / 2 {
            reserved.0.wait_for(&shares.middle, size).await?;
        } else {
            reserved.have_much().await?;
        }
        Ok(reserved)
    }
}

/// So many sixteenths.
fn share(all: usize, sixteenths: usize) -> usize {
    all / 16 * sixteenths
}

/// One message's part of the memory; given back when the last clone is dropped.
#[derive(Clone)]
pub struct Reserved(Arc<Held>);

struct Held {
    shares: Arc<Shares>,
    kept: std::sync::Mutex<Vec<Taken>>,
    much: OnceCell<OwnedSemaphorePermit>,
    /// Bytes of text of its documents so far.
    texts: AtomicUsize,
    most: usize,
    /// Turns of its documents: for a quick look, and for a longer one.
    quick: Arc<Semaphore>,
    longer: Arc<Semaphore>,
    is_small: bool,
    deadline: Deadline,
}

impl Held {
    /// How long it waits for memory now: half of the time that is left, so that some remains for reading, and a mail
    /// that finds none is put off (decision D17) before it is late.
    fn patience(&self) -> Deadline {
        self.deadline.at_most(self.deadline.left() / 2)
    }

    async fn wait_for(&self, pot: &Pot, bytes: usize) -> Result<(), PipelineError> {
        let taken = self.patience().wait(pot.take(bytes)).await.ok().flatten().ok_or(PipelineError::Memory)?;
        self.keep(taken);
        Ok(())
    }

    fn keep(&self, taken: Taken) {
        // Nothing panics while it is held.
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(taken);
    }
}

impl Reserved {
    /// The message is parsed, and has so many bytes of text.
    ///
    /// # Errors
    /// There is no memory for them in time.
    pub async fn has_texts(&self, texts: usize) -> Result<(), PipelineError> {
        if self.has_much() || self.0.is_small {
            return Ok(());
        }
        match self.0.shares.middle.try_take(texts.saturating_mul(FORMS)) {
            Some(taken) => self.0.keep(taken),
            None => self.have_much().await?,
        }
        Ok(())
    }

    fn has_much(&self) -> bool {
        self.0.much.initialized()
    }

    /// Waits for the right to have much, if this message has not got it.
    ///
    /// # Errors
    /// Others have it for too long.
    async fn have_much(&self) -> Result<(), PipelineError> {
        let Held { much, shares, .. } = &*self.0;
        let right = || async {
            // Nobody closes it.
            let right = self.0.patience().wait(shares.much.clone().acquire_owned()).await;
            right.ok().and_then(Result::ok).ok_or(PipelineError::Memory)
        };
        much.get_or_try_init(right).await.map(|_| ())
    }

    /// Bytes of text that all of it may come to: more is not read.
    pub fn most_text(&self) -> usize {
        self.0.most
    }

    /// Leave to open a document: `None` once there may be no more text. How far it may be opened grows with each
    /// `attempt`, as long as there was more in it.
    ///
    /// # Errors
    /// There is no memory in time.
    pub async fn may_open(&self, attempt: Attempt) -> Result<Option<Leave<'_>>, PipelineError> {
        let held = &*self.0;
        let documents = &held.shares.documents;
        if attempt == Attempt::Quick && !self.has_much() {
            let turn = self.turn(&held.quick).await?;
            let extent = Extent::quick(SMALL_FILE.min(held.most));
            let taking = documents.take(extent.memory());
            if let Some(taken) = held.patience().at_most(A_WHILE).wait(taking).await.ok().flatten() {
                return Ok(Some(Leave::new(held, extent, Some(taken), turn)));
            }
        }
        let turn = self.turn(&held.longer).await?;
        if attempt != Attempt::Much && !self.has_much() {
            // These have a part of their own: quick looks need some.
            let longer = &held.shares.longer;
            let text = Extent::text_within(longer.bytes());
            let extent = Extent::long(text.min(MEDIUM_FILE).min(held.most));
            let is_more = text > SMALL_FILE;
            if let Some(taken) = is_more.then(|| longer.try_take(extent.memory())).flatten() {
                return Ok(Some(Leave::new(held, extent, Some(taken), turn)));
            }
        }
        self.have_much().await?;
        let left = held.most.saturating_sub(held.texts.load(Relaxed));
        Ok((left > 0).then(|| Leave::new(held, Extent::long(left), None, turn)))
    }

    /// Waits behind other documents of the same mail: nobody else has what is waited for, so this is no want of memory,
    /// and whoever reads the mail bounds it.
    async fn turn(&self, of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, PipelineError> {
        // Nobody closes it.
        of.clone().acquire_owned().await.map_err(|_| PipelineError::Memory)
    }
}

/// Bytes of text that are read in this process.
pub(super) fn texts_in(message: &Message) -> usize {
    let bytes = message.parts.iter().map(|part| match &part.body {
        Body::Text { text, .. } => text.len(),
        Body::Attachment(bytes) if text::is_plain(&part.extension) => bytes.len(),
        _ => 0,
    });
    bytes.sum()
}

/// How often a document was opened already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Quick,
    Longer,
    Much,
}

/// Leave to open one document so far, with the memory for what comes of it.
pub struct Leave<'h> {
    held: &'h Held,
    pub extent: Extent,
    taken: Option<Taken>,
    /// Bytes of its text that are counted.
    counted: usize,
    turn: Option<OwnedSemaphorePermit>,
}

impl<'h> Leave<'h> {
    fn new(held: &'h Held, extent: Extent, taken: Option<Taken>, turn: OwnedSemaphorePermit) -> Leave<'h> {
        Leave { held, extent, taken, counted: 0, turn: Some(turn) }
    }

    /// Whether a longer attempt may tell more, and which.
    pub fn next(&self) -> Option<Attempt> {
        match (&self.taken, self.extent.is_quick) {
            (_, true) => Some(Attempt::Longer),
            (Some(_), false) => Some(Attempt::Much),
            (None, false) => None,
        }
    }

    /// A worker has answered: the next document of this mail has its turn, and memory for what was not told is free.
    pub fn answered(&mut self, told: &Extract, has_more: bool) {
        self.turn = None;
        if has_more && self.next().is_some() {
            return;
        }
        let text = told.text();
        self.held.texts.fetch_add(text.saturating_sub(self.counted), Relaxed);
        self.counted = text;
        if let Some(taken) = &mut self.taken {
            taken.shrink(told.weight() + 3 * text);
        }
    }

    /// So much was read, the text of pictures included, and is kept with the message.
    pub fn keep(mut self, told: &Extract) {
        self.answered(told, false);
        if let Some(taken) = self.taken {
            self.held.keep(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Segment;

    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;

    fn told(text: usize) -> Extract {
        let text = Segment { place: "#body".into(), text: "x".repeat(text) };
        Extract { segments: vec![text], ..Extract::default() }
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    async fn taken(budget: &MemoryBudget, size: usize) -> Reserved {
        budget.take(size, soon()).await.ok().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_that_finds_no_memory_is_told_so_and_memory_comes_back() {
        let budget = MemoryBudget::new(16 * MIB as u64);
        // A large one has the half, and its like wait.
        let large = taken(&budget, 10 * MIB).await;
        assert!(matches!(budget.take(10 * MIB, soon()).await, Err(PipelineError::Memory)));
        // Others have their shares: middle ones, small ones.
        let middle = [taken(&budget, MIB).await, taken(&budget, MIB).await];
        assert!(budget.take(MIB, soon()).await.is_err());
        let small = taken(&budget, 80 * KIB).await;
        let other = taken(&budget, 80 * KIB).await;
        assert!(budget.take(80 * KIB, soon()).await.is_err());
        drop((large, middle, small, other));
        for size in [10 * MIB, MIB, 80 * KIB] {
            assert!(budget.take(size, soon()).await.is_ok(), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn texts_grow_a_mail() {
        let budget = MemoryBudget::new(16 * MIB as u64);
        let letter = taken(&budget, MIB).await;
        letter.has_texts(100 * KIB).await.ok().unwrap();
        assert!(!letter.has_much());
        letter.has_texts(MIB).await.ok().unwrap();
        assert!(letter.has_much(), "two of MIDDLE's megabytes are not free");
    }

    #[tokio::test(start_paused = true)]
    async fn one_mail_at_a_time_has_much_and_all_come_to_an_end() {
        let budget = Arc::new(MemoryBudget::new(64 * MIB as u64));
        let mut mails = tokio::task::JoinSet::new();
        let large = Arc::new(AtomicUsize::new(0));
        for _ in 0..12 {
            let (budget, large) = (budget.clone(), large.clone());
            mails.spawn(async move {
                let reserved = taken(&budget, KIB).await;
                let small = reserved.may_open(Attempt::Quick).await.ok().unwrap().unwrap();
                assert!(small.extent.is_quick);
                tokio::time::sleep(Duration::from_millis(10)).await;
                small.keep(&told(200 * KIB));
                // Three documents of one mail ask, and have it once.
                for _ in 0..3 {
                    let leave = reserved.may_open(Attempt::Much).await.ok().unwrap().unwrap();
                    assert!(leave.extent.text >= 10 * MIB && leave.next().is_none());
                }
                assert_eq!(large.fetch_add(1, Relaxed), 0);
                tokio::time::sleep(Duration::from_millis(100)).await;
                large.fetch_sub(1, Relaxed);
            });
        }
        while let Some(done) = mails.join_next().await {
            done.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_document_waits_a_while_and_then_asks_for_more() {
        let budget = MemoryBudget::new(48 * MIB as u64);
        let mails = [taken(&budget, KIB).await, taken(&budget, KIB).await];
        let mut first = mails[0].may_open(Attempt::Quick).await.ok().unwrap().unwrap();
        let second = mails[1].may_open(Attempt::Quick).await.ok().unwrap().unwrap();
        assert_eq!((first.extent.is_quick, second.extent.is_quick), (true, false), "three megabytes hold one");
        assert_eq!(second.next(), Some(Attempt::Much), "longer ones have three of their own");
        // What was not told is free again, although it still is with its reader of pictures.
        first.answered(&told(KIB), false);
        let third = mails[0].may_open(Attempt::Quick).await.ok().unwrap().unwrap();
        assert!(third.extent.is_quick);
    }

    /// Its own other documents are no want of memory.
    #[tokio::test(start_paused = true)]
    async fn a_document_waits_for_its_turn_however_long_that_takes() {
        let budget = MemoryBudget::new(64 * MIB as u64);
        let reserved = taken(&budget, KIB).await;
        let first = reserved.may_open(Attempt::Longer).await.ok().unwrap().unwrap();
        let reading = async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            first.keep(&told(KIB));
        };
        let (second, ()) = tokio::join!(reserved.may_open(Attempt::Longer), reading);
        assert!(second.is_ok_and(|leave| leave.is_some()));
    }

    #[tokio::test(start_paused = true)]
    async fn longer_documents_together_leave_half_of_their_share_to_small_ones() {
        let budget = MemoryBudget::new(256 * MIB as u64);
        let mails = [taken(&budget, KIB).await, taken(&budget, KIB).await, taken(&budget, KIB).await];
        let _quick = [
            mails[2].may_open(Attempt::Quick).await.ok().unwrap(),
            mails[2].may_open(Attempt::Quick).await.ok().unwrap(),
        ];
        let first = mails[0].may_open(Attempt::Longer).await.ok().unwrap().unwrap();
        let second = mails[1].may_open(Attempt::Longer).await.ok().unwrap().unwrap();
        assert_eq!((first.next(), second.next()), (Some(Attempt::Much), None), "the second has the half of all");
        for _ in 0..2 {
            let small = mails[0].may_open(Attempt::Quick).await.ok().unwrap().unwrap();
            assert!(small.extent.is_quick);
            small.keep(&told(200 * KIB));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_texts_of_one_mail_fit_into_the_half_in_two_forms() {
        let budget = MemoryBudget::new(64 * MIB as u64);
        let reserved = taken(&budget, KIB).await;
        let leave = reserved.may_open(Attempt::Much).await.ok().unwrap().unwrap();
        assert_eq!(leave.extent.text, 16 * MIB);
        leave.keep(&told(16 * MIB));
        assert!(reserved.may_open(Attempt::Much).await.ok().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_budget_grows_and_shrinks() {
        let budget = MemoryBudget::new(64 * MIB as u64);
        budget.resize(128 * MIB as u64);
        assert_eq!((budget.bytes(), budget.0.small.bytes(), budget.0.documents.bytes()), (128 * MIB, 8 * MIB, 8 * MIB));
        assert_eq!(taken(&budget, KIB).await.most_text(), 32 * MIB);
        assert_eq!(MemoryBudget::for_workers(64 << 20), (4 * MIB, 8 * MIB));
    }
}
