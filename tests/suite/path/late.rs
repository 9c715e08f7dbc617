// SPDX-License-Identifier: EUPL-1.2
//! What is not read in time is held by the shipped rule, never passed unread (promise 6, decisions D4 and D17).

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;

const CLERK: &str = "claire.vasseur@justice.gouv.example";

#[test]
fn a_mail_that_takes_too_long_to_read_is_held() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    // The shipped rules, without the notices that this house has none of.
    let shipped = include_str!("../../../policies/rules/unreadable.cedar").lines();
    let rules: Vec<&str> = shipped.filter(|line| !line.starts_with("@notice")).collect();
    setup.policy("rules/unreadable.cedar", &rules.join("\n"));
    // The shortest time there is, and more than any machine reads in it.
    setup.more = "[limits]\ninspection = \"1ms\"\n".into();
    let content = format!("Subject: late\r\n\r\n{}", "words of a long letter\r\n".repeat(200_000)).into_bytes();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example"], &content);
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!((setup.copies().len(), hop.mails().len()), (1, 0));
}
