// SPDX-License-Identifier: EUPL-1.2
//! The reason of a decision: a code that can be counted, and the person's own words (decision D40).

use super::Resolution;

/// Longest own words, in characters. Longer ones are refused rather than cut: half a reason is none.
pub const GROUND_LENGTH: usize = 2000;

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroundCode {
    /// The recipient needs to know.
    Legitimate,
    /// The marking is lifted, or does not apply.
    Lifted,
    /// The authority responsible agrees; its reference stands in the words.
    Authorised,
    /// The rule is mistaken.
    Mistaken,
    /// Not the right recipient.
    WrongRecipient,
    /// A way inside the house does it.
    OtherWay,
    /// The marking forbids it.
    Marked,
    /// Other people's data.
    OthersData,
    /// The sender asked for it.
    Withdrawn,
    /// What the words say.
    Other,
}

impl GroundCode {
    pub const ALL: [GroundCode; 10] = [
        GroundCode::Legitimate,
        GroundCode::Lifted,
        GroundCode::Authorised,
        GroundCode::Mistaken,
        GroundCode::WrongRecipient,
        GroundCode::OtherWay,
        GroundCode::Marked,
        GroundCode::OthersData,
        GroundCode::Withdrawn,
        GroundCode::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            GroundCode::Legitimate => "legitimate",
            GroundCode::Lifted => "lifted",
            GroundCode::Authorised => "authorised",
            GroundCode::Mistaken => "mistaken",
            GroundCode::WrongRecipient => "wrong-recipient",
            GroundCode::OtherWay => "other-way",
            GroundCode::Marked => "marked",
            GroundCode::OthersData => "others-data",
            GroundCode::Withdrawn => "withdrawn",
            GroundCode::Other => "other",
        }
    }

    pub fn parse(text: &str) -> Option<GroundCode> {
        GroundCode::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The codes for letting mail go, or for keeping it back.
    pub fn of(to: Resolution) -> &'static [GroundCode] {
        use GroundCode::*;
        match to {
            Resolution::Release | Resolution::Allow => &[Legitimate, Lifted, Authorised, Mistaken, Other],
            Resolution::Reject | Resolution::Stop => &[WrongRecipient, OtherWay, Marked, OthersData, Withdrawn, Other],
        }
    }
}

/// Why a reason is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroundError {
    #[error("a reason is needed, in your own words: it is kept in the audit")]
    Blank,
    #[error("the reason is longer than {GROUND_LENGTH} characters; write the gist and a reference")]
    Wordy,
    #[error(
        "\"{}\" is no ground for a {}; those are: {}",
        .code, .to.noun(), GroundCode::of(*.to).iter().map(|c| c.as_str()).collect::<Vec<_>>().join(", ")
    )]
    Unfit { code: String, to: Resolution },
}

/// A ground; its words are never blank.
#[derive(Clone, PartialEq, Eq)]
pub struct Ground {
    code: GroundCode,
    words: String,
}

impl Ground {
    /// # Errors
    /// Words that say nothing, or more than can be kept.
    pub fn new(code: GroundCode, words: &str) -> Result<Ground, GroundError> {
        let words = words.trim();
        if !words.chars().any(char::is_alphanumeric) {
            return Err(GroundError::Blank);
        }
        if words.chars().count() > GROUND_LENGTH {
            return Err(GroundError::Wordy);
        }
        Ok(Ground { code, words: words.to_owned() })
    }

    pub fn code(&self) -> GroundCode {
        self.code
    }

    pub fn words(&self) -> &str {
        &self.words
    }
}

// Shy: people write about people here.
impl std::fmt::Debug for Ground {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ground({}, {} characters)", self.code.as_str(), self.words.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ground_says_something() {
        for blank in ["", "   ", "\t\r\n", ".", "--", "\u{200b}\u{2028}", "…!"] {
            assert_eq!(Ground::new(GroundCode::Other, blank), Err(GroundError::Blank), "{blank:?}");
        }
        assert_eq!(Ground::new(GroundCode::Other, &"a".repeat(GROUND_LENGTH + 1)), Err(GroundError::Wordy));
        let ground = Ground::new(GroundCode::Lifted, "  vu avec le cabinet, réf. 113 \n").unwrap();
        assert_eq!(ground.words(), "vu avec le cabinet, réf. 113");
        assert!(!format!("{ground:?}").contains("cabinet"), "{ground:?}");
        assert!(Ground::new(GroundCode::Other, &"é".repeat(GROUND_LENGTH)).is_ok());
    }

    #[test]
    fn every_code_belongs_to_a_decision_and_reads_back() {
        for code in GroundCode::ALL {
            assert_eq!(GroundCode::parse(code.as_str()), Some(code));
            let decisions = [Resolution::Release, Resolution::Reject];
            assert!(decisions.iter().any(|to| GroundCode::of(*to).contains(&code)), "{code:?}");
        }
        assert_eq!(GroundCode::parse(""), None);
    }
}
