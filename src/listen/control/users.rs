// SPDX-License-Identifier: EUPL-1.2
//! The users of this system, which accounts are written for.

use std::collections::BTreeMap;

/// The users of this system by name, from `/etc/passwd`. Users of a directory service are written by number.
pub fn system_users() -> BTreeMap<String, u32> {
    passwd(&std::fs::read_to_string("/etc/passwd").unwrap_or_default())
}

fn passwd(text: &str) -> BTreeMap<String, u32> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some((name, id))
    };
    text.lines().filter_map(user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_and_broken_lines_left_out() {
        let users = passwd("root:x:0:0::/root:/bin/sh\nsophie:x:1002:1002::/:/bin/sh\n\nbroken:line\n");
        assert_eq!(users.into_iter().collect::<Vec<_>>(), [("root".to_owned(), 0), ("sophie".to_owned(), 1002)]);
    }
}
