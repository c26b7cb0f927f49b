// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Key agreement with X25519 and X448 (RFC 7748).

use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey};
use zeroize::Zeroizing;

use super::Error;

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    X25519,
    X448,
}

impl Algorithm {
    fn id(self) -> Id {
        match self {
            Self::X25519 => Id::X25519,
            Self::X448 => Id::X448,
        }
    }
}

/// The secret that a private key and the other's public one make. Fails where everybody knows it.
pub(crate) fn agree(
    algorithm: Algorithm,
    private: &[u8],
    public: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = PKey::private_key_from_raw_bytes(private, algorithm.id()).map_err(|_| Error::Key)?;
    let peer = PKey::public_key_from_raw_bytes(public, algorithm.id()).map_err(|_| Error::Data)?;
    let mut deriver = Deriver::new(&key)?;
    deriver.set_peer(&peer).map_err(|_| Error::Data)?;
    // The library fails where the result is zero.
    Ok(Zeroizing::new(deriver.derive_to_vec().map_err(|_| Error::Data)?))
}

/// A new pair: the private key and the public one.
pub(crate) fn generate(algorithm: Algorithm) -> Result<[Zeroizing<Vec<u8>>; 2], Error> {
    let key = match algorithm {
        Algorithm::X25519 => PKey::generate_x25519()?,
        Algorithm::X448 => PKey::generate_x448()?,
    };
    Ok([Zeroizing::new(key.raw_private_key()?), Zeroizing::new(key.raw_public_key()?)])
}
