// SPDX-License-Identifier: EUPL-1.2
//! Reads pictures of text with tesseract, if it is installed: one process for each picture, with its own limits.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::settings::WorkerSettings;
use super::starter::Starter;
use crate::document::{Extract, Picture};

/// The languages the product speaks, as far as they are installed; English is what tesseract comes with.
const LANGUAGES: [&str; 4] = ["fra", "nld", "eng", "ara"];

/// Where Debian and most others put it. A search path is the environment's, and not asked.
const PLACES: [&str; 2] = ["/usr/bin/tesseract", "/usr/local/bin/tesseract"];

/// Bytes of text of one picture.
const TEXT: u64 = 1 << 20;

/// Letters from which tesseract can tell that a page stands on its head. With fewer it takes it as it is.
const TOLD: usize = 150;

/// Letters that are more than spots.
const LETTERS: usize = 5;

/// Time for the list of languages.
const QUICK: Duration = Duration::from_secs(5);

/// A tesseract that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tesseract {
    program: PathBuf,
    /// As tesseract takes them: `fra+nld+eng`.
    languages: String,
    /// It can tell how a page is turned.
    turns: bool,
}

impl Tesseract {
    /// Looks for the program and its languages; starts it once.
    pub async fn find() -> Option<Tesseract> {
        let program = PLACES.iter().map(PathBuf::from).find(|path| path.is_file())?;
        let listing = Command::new(&program).arg("--list-langs").env_clear().kill_on_drop(true).output();
        let listing = tokio::time::timeout(QUICK, listing).await.ok()?.ok()?;
        let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
        let has = |language: &&str| listing.lines().any(|line| line.trim() == *language);
        let languages: Vec<&str> = LANGUAGES.into_iter().filter(has).collect();
        let turns = has(&"osd");
        (!languages.is_empty()).then(|| Tesseract { program, languages: languages.join("+"), turns })
    }

    /// Whether there is one, without starting anything.
    pub fn is_installed() -> bool {
        PLACES.iter().any(|path| Path::new(path).is_file())
    }

    /// The text of one picture. Our own executable steps behind limits and becomes tesseract.
    async fn read(&self, picture: &Picture, pictures: &Pictures) -> std::io::Result<String> {
        let mut command = Command::new(&pictures.executable);
        command
            .args(["worker", &pictures.memory.to_string(), "picture"])
            .arg(&self.program)
            .args(["stdin", "stdout", "-l", &self.languages])
            .args(if self.turns { ["--psm", "1"].as_slice() } else { &[] })
            .env_clear()
            .env("OMP_THREAD_LIMIT", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut process = pictures.starter.start(command).await?;
        let (input, output) = (process.stdin.take(), process.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let mut text = Vec::new();
        let mut output = output.take(TEXT);
        // What it does not want of the picture is its own affair; its exit code tells.
        let (_, read) = tokio::join!(
            async move {
                let _ = input.write_all(&picture.content).await;
                drop(input);
            },
            output.read_to_end(&mut text)
        );
        read?;
        // More text than is wanted would keep it writing for ever.
        drop(output);
        match process.wait().await?.success() {
            true => Ok(String::from_utf8_lossy(&text).into_owned()),
            false => Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Reads the pictures of extracts, at most some at once.
pub(super) struct Pictures {
    executable: PathBuf,
    /// Address space of a reader, bytes.
    memory: u64,
    starter: Arc<Starter>,
    /// Time for all pictures of one file, half of it waiting for a turn at most; none where pictures stay unread.
    time: Duration,
    turn: Semaphore,
    tesseract: OnceCell<Option<Tesseract>>,
}

impl Pictures {
    pub fn new(settings: &WorkerSettings, starter: Arc<Starter>) -> Pictures {
        Pictures {
            executable: settings.executable.clone(),
            memory: settings.memory,
            starter,
            time: settings.pictures,
            turn: Semaphore::new(settings.count.div_ceil(2).max(1)),
            tesseract: OnceCell::new(),
        }
    }

    /// Takes the pictures out unread: there is no memory for them.
    pub fn leave(extract: &mut Extract) {
        settle(extract, &mut |_| Err("unread"));
    }

    /// Puts the text of pictures where they stood and takes the pictures out. `false` where another try, later, could
    /// read more.
    pub async fn read(&self, extract: &mut Extract) -> bool {
        if !has_pictures(extract) {
            return true;
        }
        if self.time.is_zero() {
            settle(extract, &mut |_| Err("off"));
            return true;
        }
        let tesseract = self.tesseract.get_or_init(async || {
            let found = Tesseract::find().await;
            if found.is_none() {
                tracing::warn!(
                    "tesseract is not installed, so octroi does not read the text in pictures and scanned documents; \
                     install tesseract-ocr with its languages, or write limits.ocr = false"
                );
            }
            found
        });
        let Some(tesseract) = tesseract.await else {
            settle(extract, &mut |_| Err("missing"));
            return true;
        };
        let began = Instant::now();
        let end = began + self.time;
        // Half of the time is left for reading at least.
        let Ok(Ok(_turn)) = timeout_at(began + self.time / 2, self.turn.acquire()).await else {
            Pictures::leave(extract);
            return false;
        };
        let mut texts = Vec::new();
        for picture in listed(extract) {
            // What is not a picture after all takes no time from the next.
            let text = timeout_at(end, tesseract.read(picture, self)).await;
            let mut text = text.ok().and_then(Result::ok);
            if let Some(text) = &mut text
                && (LETTERS..TOLD).contains(&letters(text))
                && let Some(turned) = on_its_head(picture)
                && let Ok(Ok(other)) = timeout_at(end, tesseract.read(&turned, self)).await
            {
                text.push('\n');
                text.push_str(&other);
            }
            texts.push(text);
        }
        let mut texts = texts.into_iter();
        settle(extract, &mut |_| texts.next().flatten().ok_or("unread"));
        // What took too long would do so again.
        true
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphabetic()).count()
}

/// A picture in shades of grey, turned around; others nobody here looks into.
fn on_its_head(picture: &Picture) -> Option<Picture> {
    let mut head = picture.content.splitn(4, |byte| *byte == b'\n');
    let (kind, size, depth, points) = (head.next()?, head.next()?, head.next()?, head.next()?);
    if (kind, depth) != (b"P5".as_slice(), b"255".as_slice()) {
        return None;
    }
    let mut content = [kind, size, depth, b""].join(&b'\n');
    content.extend(points.iter().rev());
    Some(Picture { length: content.len(), content, ..picture.clone() })
}

fn has_pictures(extract: &Extract) -> bool {
    !extract.pictures.is_empty() || extract.children.iter().any(has_pictures)
}

/// In the order of [`settle`].
fn listed(extract: &Extract) -> Vec<&Picture> {
    let mut pictures = Vec::new();
    extract.walk("", &mut |_, extract| pictures.extend(&extract.pictures));
    pictures
}

/// Replaces each picture by its text, or by the word why there is none.
fn settle(extract: &mut Extract, text: &mut dyn FnMut(&Picture) -> Result<String, &'static str>) {
    for picture in std::mem::take(&mut extract.pictures) {
        match text(&picture) {
            Ok(text) => extract.see(&picture.place, text),
            // What stands behind a page's own text is nothing that is missing.
            Err(_) if picture.has_text => {}
            Err(word) => extract.note_unseen(word),
        }
    }
    for child in &mut extract.children {
        settle(child, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(place: &str) -> Extract {
        let picture = Picture { place: place.into(), length: 1, content: vec![0], ..Picture::default() };
        Extract { pictures: vec![picture], ..Extract::default() }
    }

    #[test]
    fn a_picture_is_turned_around() {
        let of = |content: &[u8]| on_its_head(&Picture { content: content.to_vec(), ..Picture::default() });
        let turned = of(b"P5\n3 2\n255\nabc\nef").expect("shades of grey");
        assert_eq!((turned.content.as_slice(), turned.length), (b"P5\n3 2\n255\nfe\ncba".as_slice(), 17));
        assert_eq!(of(b"\x89PNG\r\n\x1a\n"), None);
        assert_eq!(of(b"P5\n3 2\n65535\nabcdef"), None);
    }

    #[test]
    fn texts_return_to_where_their_pictures_stood() {
        let mut extract = Extract { children: vec![page("#page2"), page("#page3")], ..page("#page1") };
        let mut number = 0;
        settle(&mut extract, &mut |_| {
            number += 1;
            if number == 2 { Err("unread") } else { Ok(format!("text {number}")) }
        });
        assert!(!has_pictures(&extract));
        assert_eq!(extract.segments.first().map(|segment| segment.text.as_str()), Some("text 1"));
        assert_eq!(extract.children[0].properties, [("ocr".to_owned(), "unread".to_owned())]);
        assert_eq!(extract.children[1].segments.first().map(|segment| segment.place.as_str()), Some("#page3"));
    }

    #[tokio::test]
    async fn pictures_that_nobody_may_read_are_said_to_be_unread() {
        let mut extract = page("#page1");
        let settings = WorkerSettings { pictures: Duration::ZERO, ..WorkerSettings::new(PathBuf::new()) };
        assert!(Pictures::new(&settings, Arc::default()).read(&mut extract).await);
        assert_eq!(extract.properties, [("ocr".to_owned(), "off".to_owned())]);
    }
}
