// SPDX-License-Identifier: EUPL-1.2
//! TLS on both sides: from files to rustls configurations. The only provider is aws-lc-rs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use crate::deliver::next_hop::Tls;
use crate::deliver::settings::{OutwardTls, OutwardTlsMode};
use crate::listen::settings::{InwardTlsMode, SmtpSettings};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{0}: {1}")]
    File(PathBuf, rustls::pki_types::pem::Error),
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    #[error("clients' certificates cannot be verified: {0}")]
    Verifier(#[from] VerifierBuilderError),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fault = |e| TlsError::File(path.to_owned(), e);
    CertificateDer::pem_file_iter(path).map_err(fault)?.collect::<Result<_, _>>().map_err(fault)
}

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

/// What we show to clients, and whose certificates we ask for; `None` where TLS is off.
pub fn inward(listener: &SmtpSettings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let settings = &listener.tls;
    let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else { return Ok(None) };
    if settings.mode == InwardTlsMode::Off {
        return Ok(None);
    }
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| TlsError::File(key.clone(), e))?;
    let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let builder = match &listener.client_certs {
        None => builder.with_no_client_auth(),
        // Asked for and not demanded (RFC 8446 §4.3.2): others may send by their network or their login (decision D6).
        Some(authorities) => {
            let roots = Arc::new(roots(authorities)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).allow_unauthenticated();
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    Ok(Some(Arc::new(builder.with_single_cert(chain, key)?)))
}

/// What we demand of the next hop.
pub fn outward(settings: &OutwardTls) -> Result<Tls, TlsError> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let unverified = || {
        let verifier = Arc::new(AnyCertificate(provider()));
        let config = builder.clone().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        TlsConnector::from(Arc::new(config))
    };
    Ok(match (settings.mode, &settings.ca) {
        (OutwardTlsMode::Off, _) => Tls::Off,
        (OutwardTlsMode::Opportunistic, _) => Tls::Opportunistic(unverified()),
        (OutwardTlsMode::Required, _) => Tls::Required(unverified()),
        (OutwardTlsMode::Verified, None) => {
            let config = builder.with_platform_verifier()?.with_no_client_auth();
            Tls::Verified(TlsConnector::from(Arc::new(config)))
        }
        (OutwardTlsMode::Verified, Some(ca)) => {
            let roots = roots(ca)?;
            Tls::Verified(TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth())))
        }
    })
}

/// Takes any certificate: what `opportunistic` and `required` mean (RFC 7435). The signatures are still checked, so
/// whoever is at the other end has the key of the certificate shown.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
