// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Where the TAs of a VM may connect to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A place that TAs may connect to: a name, or addresses, and a port or all.
///
/// Written as `example.org:443`, `192.0.2.7:*`, `10.0.0.0/8:8883` or `[2001:db8::/32]:443`. A name allows what it
/// resolves to when a TA connects to it by that name; addresses, what a TA gives as an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketRule {
    host: Host,
    /// None for all.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case.
    Name(String),
    /// Addresses that have so many leading bits in common with this one.
    Addresses(IpAddr, u8),
}

/// Why a text is no rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No port.
    #[error("{0:?}: has no port: write host:port, or host:* for all ports")]
    NoPort(String),
    /// The port is none.
    #[error("{0:?}: the port is neither 1 to 65535 nor *")]
    Port(String),
    /// The host is none.
    #[error("{0:?}: the host is neither a name, an address, nor address/bits (an IPv6 one in brackets)")]
    Host(String),
}

impl SocketRule {
    /// Whether a TA may connect to what `name` resolves to.
    pub(crate) fn allows_name(&self, name: &str, port: u16) -> bool {
        matches!(&self.host, Host::Name(allowed) if allowed.eq_ignore_ascii_case(name))
            && self.allows_port(port)
    }

    /// Whether a TA may connect to this address.
    pub(crate) fn allows_address(&self, address: IpAddr, port: u16) -> bool {
        let Host::Addresses(network, bits) = &self.host else { return false };
        let shift = |len: u8| u32::from(len - bits);
        // An IPv4 address in IPv6's clothes is what it stands for.
        let same = match (network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(shift(32)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(shift(128)).unwrap_or(0) == 0
            }
            _ => false,
        };
        same && self.allows_port(port)
    }

    fn allows_port(&self, port: u16) -> bool {
        self.port.is_none_or(|allowed| allowed == port)
    }
}

impl FromStr for SocketRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| Error::NoPort(text.to_owned()))?;
        let port = match port {
            "*" => None,
            port => match port.parse() {
                Ok(0) | Err(_) => return Err(Error::Port(text.to_owned())),
                Ok(port) => Some(port),
            },
        };
        match parse_host(host) {
            Some(host) => Ok(Self { host, port }),
            None => Err(Error::Host(text.to_owned())),
        }
    }
}

fn parse_host(host: &str) -> Option<Host> {
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let inner = bracketed.unwrap_or(host);
    let (address, bits) = match inner.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (inner, None),
    };
    if let Ok(address) = address.parse::<IpAddr>() {
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        return (bits <= most && address.is_ipv6() == bracketed.is_some())
            .then_some(Host::Addresses(address, bits));
    }
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // What consists of digits and dots only would be an address gone wrong.
    let is_name = bits.is_none()
        && bracketed.is_none()
        && host.split('.').all(label)
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    is_name.then(|| Host::Name(host.to_ascii_lowercase()))
}

impl fmt::Display for SocketRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:")?,
            Host::Addresses(IpAddr::V4(address), bits) => write!(f, "{address}/{bits}:")?,
            Host::Addresses(IpAddr::V6(address), bits) => write!(f, "[{address}/{bits}]:")?,
        }
        match self.port {
            Some(port) => write!(f, "{port}"),
            None => write!(f, "*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> SocketRule {
        text.parse().unwrap()
    }

    fn allows(text: &str, address: &str, port: u16) -> bool {
        rule(text).allows_address(address.parse().unwrap(), port)
    }

    #[test]
    fn addresses_are_allowed_by_their_leading_bits() {
        assert!(allows("10.0.0.0/8:443", "10.255.1.2", 443));
        assert!(!allows("10.0.0.0/8:443", "11.0.0.1", 443));
        assert!(!allows("10.0.0.0/8:443", "10.0.0.1", 444));
        assert!(allows("192.0.2.7:*", "192.0.2.7", 1) && !allows("192.0.2.7:*", "192.0.2.6", 1));
        assert!(allows("0.0.0.0/0:*", "8.8.8.8", 53) && !allows("0.0.0.0/0:*", "::1", 53));
        assert!(allows("[2001:db8::/32]:443", "2001:db8:1::5", 443));
        assert!(!allows("[2001:db8::/32]:443", "2001:db9::5", 443));
        assert!(allows("[::/0]:*", "::1", 9) && !allows("[::/0]:*", "127.0.0.1", 9));
        // One in the other's clothes.
        assert!(
            allows("127.0.0.1:80", "::ffff:127.0.0.1", 80) && !allows("[::/0]:80", "::ffff:127.0.0.1", 80)
        );
        assert!(!allows("localhost:80", "127.0.0.1", 80));
    }

    #[test]
    fn names_are_allowed_as_they_are_given() {
        assert!(rule("Example.org:443").allows_name("eXample.ORG", 443));
        assert!(!rule("example.org:443").allows_name("www.example.org", 443));
        assert!(!rule("example.org:443").allows_name("example.org", 80));
        assert!(!rule("10.0.0.0/8:443").allows_name("10.0.0.1", 443));
    }

    #[test]
    fn what_is_no_rule_is_told() {
        for (text, error) in [
            ("example.org", Error::NoPort as fn(String) -> Error),
            ("example.org:", Error::Port),
            ("example.org:0", Error::Port),
            ("example.org:65536", Error::Port),
            (":443", Error::Host),
            ("10.0.0.0/33:1", Error::Host),
            ("10.0.0/8:1", Error::Host),
            ("300.1.1.1:1", Error::Host),
            ("2001:db8::/32:1", Error::Host),
            ("[10.0.0.1]:1", Error::Host),
            ("exa mple.org:1", Error::Host),
            ("example.org/8:1", Error::Host),
        ] {
            assert_eq!(text.parse::<SocketRule>(), Err(error(text.to_owned())));
        }
        for text in ["example.org:443", "10.0.0.0/8:*", "[2001:db8::/32]:443"] {
            assert_eq!(rule(text).to_string(), text);
        }
    }
}
