//! The authorities that outbound TLS trusts.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Those built in, so that an empty root directory suffices, and the operator's own.
///
/// # Errors
/// A certificate of the operator is no authority's.
pub fn tls_roots(own: &[CertificateDer<'static>]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in own {
        roots.add(certificate.clone()).map_err(|e| {
            format!("a certificate of SSL_CERT_FILE or SSL_CERT_DIR cannot be used: {e}")
        })?;
    }
    Ok(roots)
}

/// The operator's own certificates: those in the PEM file that `SSL_CERT_FILE` names, and in the files of the directories
/// that `SSL_CERT_DIR` names, with colons between. Empty variables count as unset; of a directory, what is no certificate is
/// passed over.
///
/// # Errors
/// `SSL_CERT_FILE` names a file that cannot be read or holds something else, or a directory cannot be read.
pub fn own_certificates() -> Result<Vec<CertificateDer<'static>>, String> {
    let file = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
    let directories = std::env::var_os("SSL_CERT_DIR").filter(|paths| !paths.is_empty());
    certificates_of(
        file.as_deref().map(Path::new),
        directories
            .as_deref()
            .map(std::env::split_paths)
            .into_iter()
            .flatten(),
    )
}

fn certificates_of(
    file: Option<&Path>,
    directories: impl Iterator<Item = PathBuf>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    if let Some(path) = file {
        let unusable = |e: &dyn std::fmt::Display| {
            format!("SSL_CERT_FILE '{}' cannot be used: {e}", path.display())
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unusable(&e))? {
            found.push(certificate.map_err(|e| unusable(&e))?);
        }
    }
    for directory in directories.filter(|directory| !directory.as_os_str().is_empty()) {
        let entries = std::fs::read_dir(&directory)
            .map_err(|e| format!("SSL_CERT_DIR '{}' cannot be read: {e}", directory.display()))?;
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.is_file()) {
            let Ok(certificates) = CertificateDer::pem_file_iter(path) else {
                continue;
            };
            let is_usable = |certificate: &CertificateDer<'static>| {
                RootCertStore::empty().add(certificate.clone()).is_ok()
            };
            found.extend(certificates.filter_map(Result::ok).filter(is_usable));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_certificates_come_from_a_file_and_from_directories() {
        let dir = std::env::temp_dir().join(format!("tessera-roots-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let put = |name: &str| {
            use base64::Engine as _;
            let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            let text = base64::engine::general_purpose::STANDARD.encode(made.cert.der());
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            std::fs::write(dir.join(name), pem).unwrap();
            made.cert.der().clone()
        };
        let (a, b) = (put("a.example.com"), put("b.example.com"));
        std::fs::write(dir.join("README"), "no certificate").unwrap();
        let file = dir.join("b.example.com");
        let none = dir.join("none");
        let of = |file: Option<&Path>, directories: &[&PathBuf]| {
            certificates_of(file, directories.iter().map(|path| (*path).clone()))
        };
        assert_eq!(of(Some(&file), &[]), Ok(vec![b.clone()]));
        assert_eq!(of(None, &[&dir]), Ok(vec![a, b]));
        assert!(of(None, &[&none]).unwrap_err().contains("SSL_CERT_DIR"));
        assert!(of(Some(&none), &[]).unwrap_err().contains("SSL_CERT_FILE"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
