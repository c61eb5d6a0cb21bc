//! Certificates, keys and networks that may end TLS.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::secrets::SecretString;

/// `serve.tls` or `serve.<listener>.tls`, as written; [`super::Serve::tls`] has what is in effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct TlsSettings {
    pub enabled: Option<bool>,
    pub cert: Option<PemSettings>,
    pub key: Option<PemSettings>,
    pub allow_termination_from: Option<Vec<Cidr>>,
}

/// A PEM text, in a file or inline.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct PemSettings {
    pub path: Option<PathBuf>,
    /// Padded standard base64 of the PEM text.
    pub base64: Option<SecretString>,
}

impl PemSettings {
    /// Where the PEM text is; `None` when the object is empty.
    #[must_use]
    pub fn source(&self) -> Option<PemSource> {
        let inline = self.base64.clone().map(PemSource::Base64);
        inline.or_else(|| self.path.clone().map(PemSource::File))
    }
}

/// Where a PEM text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PemSource {
    File(PathBuf),
    /// Padded standard base64 of the PEM text.
    Base64(SecretString),
}

/// How a listener speaks, after both levels of settings were combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Plain HTTP.
    Off,
    /// HTTPS with a certificate that the server makes itself.
    SelfSigned,
    /// HTTPS with this certificate chain and key.
    Certificate { cert: PemSource, key: PemSource },
}

/// A network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Cidr {
    /// Whether every address of its family lies in it.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        self.prefix == 0
    }

    /// Whether the address lies in this network; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.prefix))
                    .unwrap_or(0);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The text is not a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotCidr;

impl FromStr for Cidr {
    type Err = NotCidr;

    fn from_str(text: &str) -> Result<Self, NotCidr> {
        let (address, prefix) = text.split_once('/').ok_or(NotCidr)?;
        let address: IpAddr = address.parse().map_err(|_| NotCidr)?;
        let is_number = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = prefix.parse().map_err(|_| NotCidr)?;
        let prefix_max = if address.is_ipv4() { 32 } else { 128 };
        if is_number && prefix <= prefix_max {
            Ok(Self { address, prefix })
        } else {
            Err(NotCidr)
        }
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        text.parse()
            .map_err(|NotCidr| de::Error::custom("is not a network such as 10.0.0.0/8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let rows = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("192.0.2.7/32", "192.0.2.8", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "2001:db8::1", false),
            ("::/0", "10.0.0.1", false),
        ];
        for (network, address, inside) in rows {
            let network: Cidr = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{network:?} {address}"
            );
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "10.0.0.0/+8",
            "x/8",
            "/8",
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(NotCidr), "{text}");
        }
    }
}
