// SPDX-License-Identifier: EUPL-1.2
//! The whole path, with a real `octroi serve` between a client and a next hop that a test scripts: each file is
//! named by what happens, and looks at four things: the reply, the octets onward, the quarantine, the journal.

mod client;
mod gateway;
#[allow(dead_code, reason = "a part of it is for tests/bench")]
mod hop;
mod mta;
mod postfix;
mod sendmail;

mod both_doors;
mod crash;
mod crashing;
mod each_copy_its_own_way;
mod deadline;
mod faults_told;
mod late;
mod lists;
mod live_transcripts;
mod memory;
mod milter_crash;
mod milter_door;
mod campaigns;
mod certificates;
mod chunking;
mod confirming;
mod connections;
mod internationalised;
mod lmtp;
mod login;
mod next_hop_faults;
pub mod nothing_in_silence;
mod proven_by_postfix;
mod out_of_step;
mod pool;
pub mod port;
mod release;
mod repeats;
mod replayed;
mod routes;
mod signed_behind_the_milter;
mod shown;
mod smuggling;
mod starting_and_stopping;
mod through_postfix;
mod tls;
mod which_door_sees_what;
mod trusted_peers;
mod who_may_speak;

/// The sender of every test.
pub const CLERK: &str = "claire.vasseur@justice.gouv.example";

/// A mail with this name as its Message-ID: 8-bit, a line of more than 998 octets, and dots at the head of lines.
pub fn message(name: &str) -> Vec<u8> {
    let mut content = format!(
        "Message-ID: <{name}@justice.gouv.example>\r\nFrom: <{CLERK}>\r\nTo: undisclosed-recipients:;\r\n\
         Subject: =?utf-8?q?R=C3=A9union?= {name}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nÀ demain à l'école.\r\n"
    )
    .into_bytes();
    content.extend_from_slice(b".\r\n..\r\n.dot\r\n\t \r\n\xff\xfe not UTF-8 \x80\r\n");
    content.extend(std::iter::repeat_n(b'x', 2000));
    content.extend_from_slice(b"\r\n\r\n");
    content
}
