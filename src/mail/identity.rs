// SPDX-License-Identifier: EUPL-1.2
//! Who is meant by an address, whatever relays and lists have made of it.

use super::Mailbox;

/// The address behind what relays and lists do to it: BATV (`prvs=tag=local`), SRS
/// (`SRS0=hash=time=domain=local`) and VERP (`local+rcpt=domain@…`).
pub fn plain(mailbox: &Mailbox) -> String {
    let local = mailbox.local().to_lowercase();
    let domain = mailbox.domain().as_str();
    if let Some(rest) = local.strip_prefix("prvs=") {
        let local = rest.split_once('=').map_or(rest, |(_, local)| local);
        return format!("{local}@{domain}");
    }
    if local.starts_with("srs0") || local.starts_with("srs1") {
        let mut parts = local.rsplitn(3, '=');
        if let (Some(local), Some(domain)) = (parts.next(), parts.next()) {
            return format!("{local}@{domain}");
        }
    }
    if let Some((list, recipient)) = local.split_once('+')
        && recipient.contains('=')
    {
        return format!("{list}@{domain}");
    }
    format!("{local}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritten_senders_are_read_through() {
        for (written, meant) in [
            ("prvs=0123abcd=anne@town.example", "anne@town.example"),
            ("SRS0=HHH=TT=town.example=anne@relay.example", "anne@town.example"),
            ("lettre+bob=web.example@town.example", "lettre@town.example"),
            ("Anne@Town.example", "anne@town.example"),
            ("anne+dossier@town.example", "anne+dossier@town.example"),
        ] {
            let mailbox = Mailbox::parse(written).expect("a sample address");
            assert_eq!(plain(&mailbox), meant);
        }
    }
}
