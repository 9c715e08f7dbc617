// SPDX-License-Identifier: EUPL-1.2
//! Postfix with octroi's milter and OpenDKIM behind it; a release by a port that signs and does not ask octroi again
//! (decision D10): each copy leaves signed, the signature is valid, and nothing is held twice.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Hop, PATIENCE, Received};
use super::postfix::Postfix;
use super::sendmail::Sendmail;
use super::{CLERK, message};

struct Signer {
    address: SocketAddr,
    folder: TempDir,
    daemon: Child,
}

impl Signer {
    /// Signs for the domain of [`CLERK`]; `None`, with a word on standard error, where OpenDKIM is not installed.
    fn start() -> Option<Signer> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let made = Command::new("opendkim-genkey")
            .args(["-b", "2048", "-d", "justice.gouv.example", "-s", "octroi", "-D"])
            .arg(path)
            .output();
        if !made.is_ok_and(|made| made.status.success()) || Command::new("opendkim").arg("-V").output().is_err() {
            crate::skip::skip("opendkim and opendkim-tools are not installed");
            return None;
        }
        // The key as DNS would have it, for the verifier.
        let record = std::fs::read_to_string(path.join("octroi.txt")).unwrap();
        let texts: String = record.split('"').skip(1).step_by(2).collect();
        std::fs::write(path.join("keys"), format!("octroi._domainkey.justice.gouv.example {texts}\n")).unwrap();
        let p = path.display();
        let both = format!("RequireSafeKeys no\nSyslog no\nBackground no\nTestPublicKeys {p}/keys\n");
        let signing = format!(
            "Mode s\nDomain justice.gouv.example\nSelector octroi\nKeyFile {p}/octroi.private\nInternalHosts 127.0.0.1\n\
             Canonicalization relaxed/simple\nOversignHeaders From\n"
        );
        std::fs::write(path.join("sign.conf"), both.clone() + &signing).unwrap();
        std::fs::write(path.join("verify.conf"), both + "Mode v\nInternalHosts 192.0.2.1\nAlwaysAddARHeader yes\n")
            .unwrap();
        let address = super::port::free();
        let daemon = Command::new("opendkim")
            .arg("-x")
            .arg(path.join("sign.conf"))
            .args(["-f", "-p", &format!("inet:{}@127.0.0.1", address.port())])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let end = std::time::Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(address).is_err() {
            assert!(std::time::Instant::now() < end, "OpenDKIM does not listen");
        }
        Some(Signer { address, folder, daemon })
    }

    /// What a verifier says of the signature of this content.
    fn verify(&self, content: &[u8]) -> String {
        let path = self.folder.path().join("arrived.eml");
        std::fs::write(&path, content).unwrap();
        verdict(self.folder.path(), &path)
    }
}

fn verdict(folder: &Path, content: &Path) -> String {
    let output = Command::new("opendkim")
        .arg("-x")
        .arg(folder.join("verify.conf"))
        .arg("-vv")
        .arg("-t")
        .arg(content)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn assert_signed(signer: &Signer, mail: &Received) {
    let text = String::from_utf8_lossy(&mail.content);
    assert_eq!(text.matches("DKIM-Signature:").count(), 1, "{text}");
    let said = signer.verify(&mail.content);
    assert!(said.contains("dkim=pass"), "{said}");
    // A verifier that always agreed would show nothing.
    let at = text.rfind("demain").unwrap();
    let forged = [&mail.content[..at], b"D", &mail.content[at + 1..]].concat();
    let said = signer.verify(&forged);
    assert!(said.contains("dkim=fail"), "{said}");
}

/// One copy passes and one is held; the held one is released. `mta` is where clients send.
fn pass_hold_and_release(signer: &Signer, world: &Hop, setup: &Setup, gateway: &Gateway, mta: SocketAddr) {
    let mut content = message("signed");
    content.splice(..0, *b"Date: Mon, 02 Mar 2026 12:00:00 +0000\r\n");
    let reply = Client::greet(mta).mail(CLERK, &["one@pass.example", "me@held.example"], &content);
    assert!(reply.starts_with("250 "), "{reply}\n{}", gateway.log());
    let mails = world.wait_for_mails(1);
    assert!(mails[0].to.len() == 1 && mails[0].to[0].starts_with("<one@pass.example>"), "{:?}", mails[0].to);
    assert_signed(signer, &mails[0]);

    let held = setup.copies();
    assert_eq!((held.len(), held[0].recipient.as_str()), (1, "me@held.example"));
    let released = setup.run(&["quarantine", "release", &held[0].id, "--reason", "asked by phone"]);
    assert!(released.status.success(), "{released:?}\n{}", gateway.log());
    let mails = world.wait_for_mails(2);
    assert!(mails[1].to.len() == 1 && mails[1].to[0].starts_with("<me@held.example>"), "no alias: {:?}", mails[1].to);
    assert!(mails[1].content.ends_with(&content[content.len() - 2100..]));
    assert_signed(signer, &mails[1]);
    let held = setup.copies();
    assert_eq!((held.len(), held[0].state.as_str()), (1, "released"), "{held:?}");
}

/// A house whose released mail goes to a port of the MTA that does not ask octroi.
fn house_releasing_to(world: &Hop) -> (Setup, SocketAddr, SocketAddr) {
    let back = super::port::free();
    let mut setup = Setup::new(world.address);
    let milter = setup.with_milter();
    setup.more.push_str(&format!("[release]\nvia = \"{back}\"\n"));
    (setup, milter, back)
}

#[test]
fn through_postfix_all_leaves_signed_and_is_held_once() {
    let Some(signer) = Signer::start() else { return };
    let world = Hop::friendly();
    let (setup, milter, back) = house_releasing_to(&world);
    let gateway = setup.serve();
    // As deploy/postfix has it: octroi, then the signer; and a port with the signer alone that expands no alias.
    let both = format!("smtpd_milters = inet:{milter}, inet:{}", signer.address);
    let more = postfix_milter(milter).replace(&format!("smtpd_milters = inet:{milter}\nnon"), &format!("{both}\nnon"))
        + "virtual_alias_maps = inline:{{me@held.example=somebody@else.example}}\ndisable_mime_output_conversion = yes\n";
    let services = format!(
        "127.0.0.1:{} inet n - n - - smtpd\n  -o smtpd_milters=inet:{}\n  \
         -o receive_override_options=no_address_mappings\n",
        back.port(),
        signer.address
    );
    let Some(postfix) = Postfix::with_services(world.address, &more, "", &services) else { return };
    pass_hold_and_release(&signer, &world, &setup, &gateway, postfix.address);
}

#[test]
fn through_sendmail_all_leaves_signed_and_is_held_once() {
    let Some(signer) = Signer::start() else { return };
    let world = Hop::friendly();
    let (setup, milter, back) = house_releasing_to(&world);
    let gateway = setup.serve();
    // As deploy/sendmail has it.
    let more = format!(
        "INPUT_MAIL_FILTER(`opendkim', `S=inet:{}@127.0.0.1, F=T')\n\
         DAEMON_OPTIONS(`Name=release, Addr=127.0.0.1, Port={}, InputMailFilters=opendkim')\n",
        signer.address.port(),
        back.port()
    );
    let Some(sendmail) = Sendmail::relaying_to(world.address, milter, &more, "") else { return };
    pass_hold_and_release(&signer, &world, &setup, &gateway, sendmail.address);
}
