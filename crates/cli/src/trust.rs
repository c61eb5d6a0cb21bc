//! Which servers the commands trust.
//!
//! Security: beside the authorities (`tessera_server::tls_roots`), a certificate is trusted that stands itself in `SSL_CERT_FILE`
//! or `SSL_CERT_DIR`, byte by byte, also when it says of itself that it is an authority: that is what `openssl req -x509` makes,
//! and what curl and Go accept. Names, validity and signatures are checked as ever.

use std::sync::Arc;

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// TLS as the commands speak it. The error is a message for the user.
pub(crate) fn tls_config() -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let unusable = |error: &dyn std::fmt::Display| format!("could not set up TLS: {error}");
    let own = tessera_server::own_certificates()?;
    let authorities = Arc::new(tessera_server::tls_roots(&own)?);
    let inner = WebPkiServerVerifier::builder_with_provider(authorities, Arc::clone(&provider))
        .build()
        .map_err(|error| unusable(&error))?;
    let verifier = Verifier { inner, own };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// What to do about a certificate that is refused because it is an authority's; nothing for other errors.
pub(crate) fn way_out(error: &str) -> &'static str {
    if error.contains(AUTHORITY) {
        ". The server shows a certificate of an authority (CA:TRUE) as its own: make one with \
         `-addext basicConstraints=critical,CA:FALSE`, or name exactly this one in SSL_CERT_FILE"
    } else {
        ""
    }
}

/// How the library below calls an authority's certificate that a server shows as its own.
const AUTHORITY: &str = "CaUsedAsEndEntity";

#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    /// Certificates that the user trusts.
    own: Vec<CertificateDer<'static>>,
}

/// Whether nothing but that is wrong so far; the library looks at the validity before, and at the name after.
fn is_only_an_authority(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other))
        if format!("{other:?}").contains(AUTHORITY))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error)
                if is_only_an_authority(&error) && self.own.iter().any(|own| own == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: u64 = 1_795_538_459;

    /// A certificate that signs itself and says that it is an authority.
    fn authority() -> CertificateDer<'static> {
        let mut params = rcgen::CertificateParams::new(vec!["op.example.com".to_owned()]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    fn verifier(own: &CertificateDer<'static>) -> Verifier {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(own.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        Verifier {
            inner: inner.build().unwrap(),
            own: vec![own.clone()],
        }
    }

    fn check(
        verifier: &Verifier,
        shown: &CertificateDer<'_>,
        name: &str,
        at: u64,
    ) -> Result<(), String> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let verified = verifier.verify_server_cert(shown, &[], &name, &[], now);
        verified.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn an_authority_is_a_server_only_when_it_is_trusted_itself() {
        let (trusted, other) = (authority(), authority());
        let verifier = verifier(&trusted);
        assert_eq!(check(&verifier, &trusted, "op.example.com", NOW), Ok(()));
        let refused = check(&verifier, &other, "op.example.com", NOW).unwrap_err();
        assert!(way_out(&refused).contains("CA:FALSE"), "{refused}");
        for (name, at) in [
            ("other.example.com", NOW),
            ("op.example.com", 2_000_000_000),
        ] {
            let refused = check(&verifier, &trusted, name, at).unwrap_err();
            assert_eq!(way_out(&refused), "", "{refused}");
        }
    }
}
