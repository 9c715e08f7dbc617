// SPDX-License-Identifier: EUPL-1.2
//! STARTTLS towards clients, and verified TLS towards the next hop (RFC 3207).

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, Issuer, KeyPair, SanType};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, OFFERS};
use super::{CLERK, message};

/// An authority and one certificate for a name, in PEM.
pub struct Certified {
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Certified {
    pub fn new(name: &str) -> Certified {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![match name.contains('@') {
            true => SanType::Rfc822Name(name.try_into().unwrap()),
            false => SanType::DnsName(name.try_into().unwrap()),
        }];
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Certified { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// cert.pem, key.pem and ca.pem.
    pub fn write(&self, folder: &Path) {
        for (name, text) in [("cert.pem", &self.certificate), ("key.pem", &self.key), ("ca.pem", &self.authority)] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }

    /// For a client that believes this authority alone.
    pub fn trusting(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }

    /// Likewise, and shows another certificate as its own.
    pub fn trusting_and_showing(&self, own: &Certified) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
        Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
    }

    pub fn serving(&self) -> Arc<ServerConfig> {
        let chain = vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

#[test]
fn a_client_speaks_tls_and_must_where_it_is_required() {
    let hop = Hop::friendly();
    let certified = Certified::new("octroi.example");
    let mut setup = Setup::new(hop.address);
    certified.write(setup.folder.path());
    setup.more = "[smtp.tls]\nmode = \"required\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.ask(&format!("MAIL FROM:<{CLERK}>"));
    assert!(reply.starts_with("530 5.7.0"), "{reply}");
    assert!(client.ask("STARTTLS").starts_with("220 2.0.0"));
    client.start_tls(certified.trusting(), "octroi.example");
    let offered = client.ask("EHLO client.example");
    assert!(!offered.contains("STARTTLS") && offered.contains("PIPELINING"), "{offered}");
    let content = message("under-tls");
    let reply = client.mail(CLERK, &["one@pass.example"], &content);
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    assert!(hop.mails()[0].content == content);
}

/// A next hop with a certificate for `name`, and a gateway that demands one for hop.example.
fn outward(name: &str, offers: &[&str], message_name: &str) -> (String, usize) {
    let certified = Certified::new(name);
    let offers = offers.iter().map(|o| o.to_string()).collect();
    let hop = Hop::at("127.0.0.1:0".parse().unwrap(), offers, Some(certified.serving()), |_| Act::Usual);
    let mut setup = Setup::new(hop.address);
    certified.write(setup.folder.path());
    setup.more = "[smtp.upstream_tls]\nmode = \"verified\"\nname = \"hop.example\"\nca = \"ca.pem\"\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let replies = client.try_mail(CLERK, &["one@pass.example"], &message(message_name)).unwrap_or_default();
    // A refusal by 421 ends the session, so there may be fewer replies than commands.
    (replies.last().cloned().unwrap_or_else(|| "421 closed".into()), hop.mails().len())
}

#[test]
fn the_next_hop_is_who_its_certificate_says_or_gets_nothing() {
    let with_tls: Vec<&str> = OFFERS.iter().copied().chain(["STARTTLS"]).collect();
    let (reply, mails) = outward("hop.example", &with_tls, "verified");
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(mails, 1);
    let (reply, mails) = outward("imposter.example", &with_tls, "imposter");
    assert!(!reply.starts_with("250"), "{reply}");
    assert_eq!(mails, 0);
    // Never a silent downgrade.
    let (reply, mails) = outward("hop.example", &OFFERS, "stripped");
    assert!(!reply.starts_with("250"), "{reply}");
    assert_eq!(mails, 0);
}
