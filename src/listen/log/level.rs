// SPDX-License-Identifier: EUPL-1.2
//! Which events the log has.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Which events are written: `info`, or directives as `info,octroi::smtp=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level(String);

impl Level {
    /// # Errors
    /// A text that is not a list of directives; a lone word must be a level.
    pub fn parse(text: &str) -> Result<Level, String> {
        let lone = !text.contains(['=', ',']);
        if lone && text.parse::<LevelFilter>().is_err() {
            return Err(format!("\"{text}\" is not a log level"));
        }
        EnvFilter::try_new(text).map_err(|error| error.to_string())?;
        Ok(Level(text.to_owned()))
    }

    pub(super) fn has_info(&self) -> bool {
        self.filter().max_level_hint().is_none_or(|hint| hint >= LevelFilter::INFO)
    }

    pub(super) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}
