//! TLS of the listeners.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::config::{PemSource, Tls};

/// The acceptor for these settings; `None` for plain HTTP. `client_ca` asks for client certificates.
pub fn acceptor(tls: &Tls, client_ca: Option<&Path>) -> Result<Option<TlsAcceptor>, String> {
    let (chain, key) = match tls {
        Tls::Off => {
            return match client_ca {
                None => Ok(None),
                Some(_) => Err(
                    "serve.admin.auth.client_ca is set, but the admin port does not speak TLS; set \
                     serve.admin.tls."
                        .to_owned(),
                ),
            };
        }
        Tls::SelfSigned => self_signed()?,
        Tls::Certificate { cert, key } => {
            let chain = CertificateDer::pem_slice_iter(&pem("cert", cert)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| format!("the TLS certificate is not PEM: {e}"))?;
            let key = PrivateKeyDer::from_pem_slice(&pem("key", key)?)
                .map_err(|e| format!("the TLS key is not PEM: {e}"))?;
            (chain, key)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            let read = |e: &dyn std::fmt::Display| format!("'{}': {e}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| read(&e))? {
                roots
                    .add(certificate.map_err(|e| read(&e))?)
                    .map_err(|e| read(&e))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|e| read(&e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|e| format!("the TLS certificate and key do not fit: {e}"))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// `name` is that of the key below `serve.tls`, or below the `tls` of the listener.
fn pem(name: &str, source: &PemSource) -> Result<Vec<u8>, String> {
    match source {
        PemSource::File(path) => std::fs::read(path)
            .map_err(|e| format!("tls.{name}.path: '{}' cannot be read: {e}", path.display())),
        PemSource::Base64(text) => tessera_crypto::b64::decode_padded(text.expose().trim())
            .map_err(|_| format!("tls.{name}.base64 is not base64")),
    }
}

/// Compat: with TLS on and no certificate given, Hydra makes one; ours lives as long as the process.
fn self_signed() -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let names = ["localhost", "127.0.0.1", "::1"]
        .map(str::to_owned)
        .to_vec();
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|e| format!("no self-signed certificate could be made: {e}"))?;
    tracing::warn!(
        "TLS is on without a certificate, so a self-signed one was made for localhost. Set serve.tls.cert and \
         serve.tls.key."
    );
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).map_err(str::to_owned)?;
    Ok((vec![made.cert.der().clone()], key))
}
