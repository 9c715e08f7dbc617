// SPDX-License-Identifier: EUPL-1.2
//! Who sends, and whose word that is.

use crate::detect::reading::evidence::{Sender, SenderProof};
use crate::directory::Units;
use crate::mail::{Client, Mailbox, ReversePath};

/// The first of login, client certificate and MAIL FROM that names somebody (decision D18). A certificate that names a
/// host is a mail server's, who speaks for others; a named application is believed by its network.
pub fn identify(reverse_path: &ReversePath, client: &Client, units: &Units) -> Sender {
    let proven = [client.login.as_deref(), client.certificate.as_deref()];
    let login = proven.into_iter().flatten().find_map(|name| Mailbox::parse(name).ok());
    let bare_login = client.login.clone().filter(|login| Mailbox::parse(login).is_err());
    match (login, reverse_path.mailbox()) {
        (Some(login), _) => Sender { mailbox: Some(login), proof: Some(SenderProof::Login), bare_login },
        (None, Some(claimed)) => {
            let application = units.is_application(client.address, claimed);
            let proof = if application { SenderProof::Login } else { SenderProof::Claimed };
            Sender { mailbox: Some(claimed.clone()), proof: Some(proof), bare_login }
        }
        (None, None) => Sender { mailbox: None, proof: None, bare_login },
    }
}
