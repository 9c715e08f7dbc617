// SPDX-License-Identifier: EUPL-1.2
//! What stands between a worker and the machine, in words and as the octet in which a worker tells it.

/// One thing the kernel is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    Limits,
    Parent,
    Files,
    Calls,
}

impl Protection {
    pub const ALL: [Protection; 4] = [Protection::Limits, Protection::Parent, Protection::Files, Protection::Calls];

    pub fn as_str(self) -> &'static str {
        match self {
            Protection::Limits => "limits of resources (setrlimit)",
            Protection::Parent => "its end with the gateway (prctl)",
            Protection::Files => "a lock on files (landlock)",
            Protection::Calls => "a filter of system calls (seccomp)",
        }
    }
}

/// What the kernel refused of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refused(u8);

impl Refused {
    pub(super) fn add_unless(&mut self, protection: Protection, granted: bool) {
        if !granted {
            self.0 |= 1 << protection as u8;
        }
    }

    pub fn iter(self) -> impl Iterator<Item = Protection> {
        Protection::ALL.into_iter().filter(move |protection| self.0 & (1 << *protection as u8) != 0)
    }

    /// As the worker's first octet.
    pub(super) fn octet(self) -> u8 {
        self.0
    }

    /// From a worker that has read nothing hostile yet; bits that mean nothing are not kept.
    pub(super) fn from_octet(octet: u8) -> Refused {
        Refused(octet & ((1 << Protection::ALL.len()) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_goes_over_as_one_octet() {
        let mut refused = Refused::default();
        for protection in Protection::ALL {
            refused.add_unless(protection, protection != Protection::Files);
        }
        let heard = Refused::from_octet(refused.octet());
        assert_eq!(heard.iter().collect::<Vec<_>>(), [Protection::Files]);
        assert_eq!(Refused::from_octet(0xf0), Refused::default());
    }
}
