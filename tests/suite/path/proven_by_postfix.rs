// SPDX-License-Identifier: EUPL-1.2
//! What Postfix has proven about a sender reaches the milter door: a login, a client certificate (decision D18).

use std::sync::Arc;

use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::Hop;
use super::postfix::Postfix;
use super::tls::Certified;
use super::{CLERK, message};

/// Holds whatever is not proven; `more` goes to `main.cf`.
fn strict(more: &str) -> Option<(Hop, Setup, Gateway, Postfix)> {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    setup.policy(
        "rules/login.cedar",
        "@id(\"claimed\") @disposition(\"quarantine\") @reason(\"nobody has proven to be that.\")\n\
         forbid (principal, action, resource) when { principal.proof != \"login\" };\n",
    );
    let gateway = setup.serve();
    let postfix = Postfix::relaying_to(hop.address, &(postfix_milter(milter) + more))?;
    Some((hop, setup, gateway, postfix))
}

/// One mail before anything is proven and one after.
fn only_the_second_arrives(
    hop: &Hop,
    setup: &Setup,
    gateway: &Gateway,
    client: &mut Client,
    prove: impl FnOnce(&mut Client),
) {
    assert!(client.mail(CLERK, &["one@pass.example"], &message("claimed")).starts_with("250 "));
    prove(client);
    client.ask("EHLO client.example");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("proven")).starts_with("250 "));
    let mails = hop.wait_for_mails(1);
    assert!(String::from_utf8_lossy(&mails[0].content).contains("<proven@"), "{}", gateway.log());
    assert_eq!(setup.copies().len(), 1, "{}", gateway.log());
}

#[test]
fn a_login() {
    // XCLIENT says what AUTH would have proven; Postfix passes either on in the same macro.
    let more = "smtpd_sasl_auth_enable = yes\nsmtpd_authorized_xclient_hosts = 127.0.0.0/8\n";
    let Some((hop, setup, gateway, postfix)) = strict(more) else { return };
    let mut client = Client::greet(postfix.address);
    only_the_second_arrives(&hop, &setup, &gateway, &mut client, |client| {
        let greeting = client.ask(&format!("XCLIENT LOGIN={CLERK}"));
        assert!(greeting.starts_with("220 "), "{greeting}");
    });
}

#[test]
fn a_client_certificate() {
    let server = Certified::new("localhost");
    let (authority, config) = certified_client(&server, CLERK);
    let folder = tempfile::tempdir().unwrap();
    server.write(folder.path());
    std::fs::write(folder.path().join("clients.pem"), authority).unwrap();
    let more = format!(
        "smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {p}/key.pem, {p}/cert.pem\nsmtpd_tls_CAfile = {p}/clients.pem\n\
         smtpd_tls_ask_ccert = yes\n",
        p = folder.path().display()
    );
    let Some((hop, setup, gateway, postfix)) = strict(&more) else { return };
    let mut client = Client::greet(postfix.address);
    only_the_second_arrives(&hop, &setup, &gateway, &mut client, |client| {
        let ready = client.ask("STARTTLS");
        assert!(ready.starts_with("220 "), "{ready}");
        client.start_tls(config, "localhost");
    });
}

/// An authority in PEM, and a client that shows a certificate of its for this mailbox.
fn certified_client(server: &Certified, mailbox: &str) -> (String, Arc<ClientConfig>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "clients of the suite");
    let authority_key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(params, authority_key);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, mailbox);
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.authority.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    (authority.pem(), Arc::new(builder.with_client_auth_cert(chain, key).unwrap()))
}
