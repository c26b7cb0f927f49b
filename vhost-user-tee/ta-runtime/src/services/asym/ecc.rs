// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! ECDSA (FIPS 186-4) and ECDH (NIST SP 800-56A) on the curves of NIST, and what SM2 has in common with them.
//! A signature is two numbers, each as long as a key.

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcGroupRef, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use zeroize::Zeroizing;

use super::{bytes, join, number, secret_number, split, Error};

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P192,
    P224,
    P256,
    P384,
    P521,
    /// GB/T 32918.5.
    Sm2,
}

impl Curve {
    pub(super) fn group(self) -> Result<EcGroup, Error> {
        Ok(EcGroup::from_curve_name(match self {
            Self::P192 => Nid::X9_62_PRIME192V1,
            Self::P224 => Nid::SECP224R1,
            Self::P256 => Nid::X9_62_PRIME256V1,
            Self::P384 => Nid::SECP384R1,
            Self::P521 => Nid::SECP521R1,
            Self::Sm2 => Nid::SM2,
        })?)
    }

    /// Length of a number in bytes: a coordinate, a private value, half a signature.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::P192 => 24,
            Self::P224 => 28,
            Self::P256 | Self::Sm2 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// A point of a curve.
#[derive(Clone, Copy)]
pub(crate) struct PublicKey<'a> {
    pub(crate) curve: Curve,
    pub(crate) x: &'a [u8],
    pub(crate) y: &'a [u8],
}

/// A point, and how many times it is the curve's base point.
#[derive(Clone, Copy)]
pub(crate) struct KeyPair<'a> {
    pub(crate) public: PublicKey<'a>,
    pub(crate) private: &'a [u8],
}

impl PublicKey<'_> {
    /// Fails where the point is not on the curve.
    pub(super) fn key(self) -> Result<EcKey<Public>, Error> {
        let group = self.curve.group()?;
        EcKey::from_public_key_affine_coordinates(&group, &*number(self.x)?, &*number(self.y)?)
            .map_err(|_| Error::Key)
    }

    /// Fails where it is not on the curve.
    pub(super) fn point(self, group: &EcGroupRef) -> Result<EcPoint, Error> {
        let (mut point, context) = (EcPoint::new(group)?, &mut BigNumContext::new()?);
        let (x, y) = (number(self.x)?, number(self.y)?);
        point.set_affine_coordinates(group, &x, &y, context).map_err(|_| Error::Key)?;
        Ok(point)
    }
}

impl KeyPair<'_> {
    /// Fails where the point is not on the curve, or the private value is none.
    pub(super) fn key(self) -> Result<EcKey<Private>, Error> {
        let group = self.public.curve.group()?;
        let point = self.public.point(&group)?;
        let private = self.private_number(&group)?;
        EcKey::from_private_components(&group, &private, &point).map_err(|_| Error::Key)
    }

    pub(super) fn private_number(self, group: &EcGroupRef) -> Result<BigNum, Error> {
        let (private, mut order) = (secret_number(self.private)?, BigNum::new()?);
        group.order(&mut order, &mut *BigNumContext::new()?)?;
        if private.num_bits() == 0 || private >= order {
            return Err(Error::Key);
        }
        Ok(private)
    }
}

/// Signs a digest of any length.
pub(crate) fn sign(key: KeyPair<'_>, digest: &[u8]) -> Result<Vec<u8>, Error> {
    let signature = EcdsaSig::sign(digest, &*key.key()?)?;
    join(signature.r(), signature.s(), key.public.curve.len())
}

/// Whether a signature is that of a digest.
pub(crate) fn verify(key: PublicKey<'_>, digest: &[u8], signature: &[u8]) -> Result<bool, Error> {
    let len = key.curve.len();
    let key = key.key()?;
    let Some((r, s)) = split(signature, len)? else {
        return Ok(false);
    };
    Ok(EcdsaSig::from_private_components(r, s)?.verify(digest, &key).unwrap_or(false))
}

/// The secret that one pair and the other's point make: the coordinate of a point, as long as a key.
pub(crate) fn agree(key: KeyPair<'_>, peer: PublicKey<'_>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (key, peer) = (PKey::from_ec_key(key.key()?)?, PKey::from_ec_key(peer.key()?)?);
    let mut deriver = Deriver::new(&key)?;
    deriver.set_peer(&peer).map_err(|_| Error::Data)?;
    Ok(Zeroizing::new(deriver.derive_to_vec()?))
}

/// A new pair: the private value, and both coordinates of the point.
pub(crate) fn generate(curve: Curve) -> Result<[Zeroizing<Vec<u8>>; 3], Error> {
    let group = curve.group()?;
    let key = EcKey::generate(&group)?;
    let (mut x, mut y) = (BigNum::new()?, BigNum::new()?);
    key.public_key().affine_coordinates(&group, &mut x, &mut y, &mut *BigNumContext::new()?)?;
    Ok([bytes(key.private_key()), bytes(&x), bytes(&y)])
}
