// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Key agreement with SM2 (GB/T 32918.3), which the crypto library does not have as one call. Names of numbers are
//! those of the standard.

use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::ec::{EcGroupRef, EcPoint, EcPointRef};
use zeroize::Zeroizing;

use super::ecc::{Curve, KeyPair, PublicKey};
use super::{new_secret, number, padded, Error};
use crate::services::digest::{Algorithm, Digest};
use crate::services::kdf;

/// Length of a number, and of a digest, in bytes.
const LEN: usize = 32;
/// The longest identity: its length in bits has 16 of them.
const MAX_ID: usize = 0x1FFF;

/// A side's identity and its key.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) key: PublicKey<'a>,
    pub(crate) ephemeral: PublicKey<'a>,
}

/// What one side has.
#[derive(Clone, Copy)]
pub(crate) struct Exchange<'a> {
    pub(crate) initiator: bool,
    pub(crate) id: &'a [u8],
    pub(crate) key: KeyPair<'a>,
    pub(crate) ephemeral: KeyPair<'a>,
    pub(crate) peer: Side<'a>,
}

/// What both sides agree on.
pub(crate) struct Agreed {
    pub(crate) key: Zeroizing<Vec<u8>>,
    /// What the other side sends to confirm it, and what this side sends.
    pub(crate) expected: [u8; LEN],
    pub(crate) confirmation: [u8; LEN],
}

/// Agrees on a key of `len` bytes.
pub(crate) fn agree(exchange: Exchange<'_>, len: usize) -> Result<Agreed, Error> {
    let group = &Curve::Sm2.group()?;
    let context = &mut BigNumContext::new_secure()?;
    let (mine, peer) = (
        Side { id: exchange.id, key: exchange.key.public, ephemeral: exchange.ephemeral.public },
        exchange.peer,
    );
    for key in [mine.key, mine.ephemeral] {
        key.point(group)?;
    }

    // t = (d + x̄ · r) mod n
    let mut order = BigNum::new()?;
    group.order(&mut order, context)?;
    let d = exchange.key.private_number(group)?;
    let r = exchange.ephemeral.private_number(group)?;
    let (mut product, mut t) = (new_secret()?, new_secret()?);
    product.mod_mul(&*half(mine.ephemeral)?, &r, &order, context)?;
    t.mod_add(&d, &product, &order, context)?;

    // U = t · (P + x̄ · R); the cofactor is one.
    let peer_ephemeral = peer.ephemeral.point(group)?;
    let (mut scaled, mut sum, mut u) = (EcPoint::new(group)?, EcPoint::new(group)?, EcPoint::new(group)?);
    scaled.mul2(group, &peer_ephemeral, &*half(peer.ephemeral)?, context)?;
    sum.add(group, &*peer.key.point(group)?, &scaled, context)?;
    u.mul2(group, &sum, &t, context)?;
    if u.is_infinity(group) {
        return Err(Error::Key);
    }
    let [x, y] = coordinates(group, &u, context)?;

    let (first, second) = if exchange.initiator { (mine, peer) } else { (peer, mine) };
    let z = [identity(group, first, context)?, identity(group, second, context)?].concat();
    let seed = Zeroizing::new([&x[..], &y, &z].concat());
    let key =
        kdf::concat(Algorithm::Sm3, kdf::Order::SecretFirst, &seed, &[], len).map_err(|_| Error::Data)?;

    let mut points = Vec::new();
    for point in [first.ephemeral, second.ephemeral] {
        points.extend([fixed(point.x)?, fixed(point.y)?]);
    }
    let inner = sm3(&[&x, &z, &points.concat()])?;
    let of = |flag: u8| sm3(&[&[flag], &y, &inner]);
    let (of_responder, of_initiator) = (of(2)?, of(3)?);
    let (expected, confirmation) =
        if exchange.initiator { (of_responder, of_initiator) } else { (of_initiator, of_responder) };
    Ok(Agreed { key, expected, confirmation })
}

/// x̄: the lower half of a coordinate, with the bit above it set.
fn half(point: PublicKey<'_>) -> Result<BigNum, Error> {
    let mut x = fixed(point.x)?.split_off(LEN / 2);
    x[0] |= 0x80;
    number(&x)
}

/// A number with leading zeros.
fn fixed(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(padded(&*number(bytes)?, LEN)?.to_vec())
}

/// Z: the digest of an identity and a key.
fn identity(group: &EcGroupRef, side: Side<'_>, context: &mut BigNumContext) -> Result<Vec<u8>, Error> {
    if side.id.len() > MAX_ID {
        return Err(Error::Data);
    }
    let (mut p, mut a, mut b) = (BigNum::new()?, BigNum::new()?, BigNum::new()?);
    group.components_gfp(&mut p, &mut a, &mut b, context)?;
    let [x, y] = coordinates(group, group.generator_opt().ok_or(Error::Key)?, context)?;
    let bits = ((side.id.len() * 8) as u16).to_be_bytes();
    let curve = |number: &BigNumRef| padded(number, LEN);
    let key = [fixed(side.key.x)?, fixed(side.key.y)?].concat();
    Ok(sm3(&[&bits, side.id, &curve(&a)?, &curve(&b)?, &x, &y, &key])?.to_vec())
}

fn coordinates(
    group: &EcGroupRef,
    point: &EcPointRef,
    context: &mut BigNumContext,
) -> Result<[Zeroizing<Vec<u8>>; 2], Error> {
    let (mut x, mut y) = (new_secret()?, new_secret()?);
    point.affine_coordinates(group, &mut x, &mut y, context)?;
    Ok([padded(&x, LEN)?, padded(&y, LEN)?])
}

fn sm3(parts: &[&[u8]]) -> Result<[u8; LEN], Error> {
    let mut digest = Digest::new(Algorithm::Sm3).map_err(|_| Error::Data)?;
    let mut out = [0; LEN];
    parts
        .iter()
        .try_for_each(|part| digest.update(part))
        .and_then(|()| digest.finish(&mut out))
        .map_err(|_| Error::Data)?;
    Ok(out)
}
