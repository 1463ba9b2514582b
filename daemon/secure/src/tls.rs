//! What TLS is told: raw Ed25519 keys on both sides (RFC 7250), version 1.3, nothing that a third party could have a part in.
//!
//! No tickets, so no resumption and no 0-RTT. A resumed handshake does not show a key: who trusts the ticket must remember
//! whose it was, and forget it when trust changes. And what 0-RTT carries can be sent again by anybody who saw it. All that
//! for one round trip at the first message after a pause, and 70 microseconds.

use std::sync::Arc;

use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::verify_tls13_signature_with_raw_key;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring as with_ring};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::identity::{Identity, PUBLIC_PREFIX};

/// What both sides must say that they speak (ALPN). Whoever speaks something else is nobody to us.
const PROTOCOL: &[u8] = b"simp-secure/1";

/// Both sides of TLS, made once for all links.
pub(crate) struct Tls {
    pub(crate) server: Arc<QuicServerConfig>,
    pub(crate) client: Arc<QuicClientConfig>,
}

impl Tls {
    /// # Errors
    /// None that a peer or a user could cause: it would be a fault of this file.
    pub(crate) fn new(identity: &Identity) -> Result<Self, Error> {
        let provider = Arc::new(provider());
        let verifier = Arc::new(AnyKey { algorithms: provider.signature_verification_algorithms });
        let key = with_ring::sign::any_eddsa_type(identity.pkcs8())?;
        // A raw key stands where a certificate would.
        let public = CertificateDer::from(identity.public().to_vec());
        let key = Arc::new(CertifiedKey::new(vec![public], key));

        let versions = &[&rustls::version::TLS13];
        let mut server = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(verifier.clone())
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(key.clone())));
        server.alpn_protocols = vec![PROTOCOL.to_vec()];
        server.send_tls13_tickets = 0;
        let mut client = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(key)));
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        client.enable_sni = false;
        client.resumption = Resumption::disabled();

        let none = |_| Error::General("QUIC needs TLS13_AES_128_GCM_SHA256".to_owned());
        Ok(Self {
            server: Arc::new(QuicServerConfig::try_from(server).map_err(none)?),
            client: Arc::new(QuicClientConfig::try_from(client).map_err(none)?),
        })
    }
}

fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![with_ring::kx_group::X25519],
        // The first is what QUIC's first packets always use.
        cipher_suites: vec![
            with_ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
            with_ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..with_ring::default_provider()
    }
}

/// Takes any Ed25519 key that the peer proves to have. Whether it is the right one is asked when the link is made.
#[derive(Debug)]
struct AnyKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyKey {
    fn check(key: &CertificateDer<'_>) -> Result<(), Error> {
        match key.strip_prefix(&PUBLIC_PREFIX) {
            Some(key) if key.len() == 32 => Ok(()),
            _ => Err(Error::InvalidCertificate(rustls::CertificateError::BadEncoding)),
        }
    }

    fn check_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(key.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// There is no TLS 1.2 here.
fn refuse_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
}

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Self::check(key).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        key: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Self::check(key).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        refuse_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        key: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, key, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
