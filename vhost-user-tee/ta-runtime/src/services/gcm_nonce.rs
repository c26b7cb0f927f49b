// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Nonces of AES-GCM that are longer than the crypto library takes (128 bytes; the standard lets them have 2^61).
//!
//! A nonce that has not 12 bytes is hashed to the first counter (NIST SP 800-38D, section 7.1, step 2). For a long one
//! here is found the nonce of 16 bytes that is hashed to the same: with H the hash's key, J the first counter and
//! L the block that tells a length of 128 bits, it is the N of ((N · H) + L) · H = J. Time does not depend on
//! the key.

use zeroize::Zeroizing;

use super::block_cipher::{BlockCipher, Chaining, Error};

const BLOCK: usize = 16;
/// The field's 1: its first bit is the lowest term.
const ONE: u128 = 1 << 127;
/// x^128, as the lower terms that it is.
const REDUCED: u128 = 0xe1 << 120;

/// The nonce of 16 bytes that stands for `nonce`.
pub(super) fn shortened(key: &[u8], nonce: &[u8]) -> Result<[u8; BLOCK], Error> {
    let mut hash_key = Zeroizing::new([0; BLOCK]);
    BlockCipher::Aes.begin(Chaining::Ecb, true, key, &[])?.run(&[0; BLOCK], &mut hash_key[..])?;
    let hash_key = Zeroizing::new(u128::from_be_bytes(*hash_key));
    let inverse = Zeroizing::new(inverse(*hash_key));

    let bits = |len: usize| (len as u128) * 8;
    let blocks = nonce.chunks(BLOCK).map(|chunk| {
        let mut block = [0; BLOCK];
        block[..chunk.len()].copy_from_slice(chunk);
        u128::from_be_bytes(block)
    });
    let first = blocks.chain([bits(nonce.len())]).fold(0, |hash, block| product(hash ^ block, *hash_key));
    let short = product(product(first, *inverse) ^ bits(BLOCK), *inverse);
    Ok(short.to_be_bytes())
}

/// Product in the field of GCM (section 6.3).
fn product(a: u128, b: u128) -> u128 {
    let mask = |bit: u128| 0_u128.wrapping_sub(bit & 1);
    let (mut product, mut shifted) = (0, b);
    for bit in (0..128).rev() {
        product ^= shifted & mask(a >> bit);
        shifted = (shifted >> 1) ^ (REDUCED & mask(shifted));
    }
    product
}

/// What times `a` is 1: a^(2^128 - 2). Of 0, which no key is hashed to but by a chance of 2^-128, it is 0.
fn inverse(a: u128) -> u128 {
    let (mut power, mut result) = (a, ONE);
    for _ in 1..128 {
        power = product(power, power);
        result = product(result, power);
    }
    result
}

#[cfg(test)]
mod tests {
    use openssl::cipher::Cipher;
    use openssl::cipher_ctx::CipherCtx;

    use super::*;

    fn encrypt_by_library(key: &[u8], nonce: &[u8]) -> [u8; 40] {
        let mut context = CipherCtx::new().unwrap();
        context.encrypt_init(Some(Cipher::aes_128_gcm()), None, None).unwrap();
        context.set_iv_length(nonce.len()).unwrap();
        context.encrypt_init(None, Some(key), Some(nonce)).unwrap();
        let mut out = [0; 40];
        context.cipher_update(&[7; 40], Some(&mut out)).unwrap();
        out
    }

    #[test]
    fn it_is_the_same_nonce() {
        for seed in 0..4_u8 {
            let key = [seed; 16];
            // Those of 12 bytes are not hashed.
            for len in (1..=11).chain(13..=128) {
                let nonce: Vec<u8> = (0..len).map(|at| at ^ seed).collect();
                let short = shortened(&key, &nonce).unwrap();
                assert_eq!(encrypt_by_library(&key, &short), encrypt_by_library(&key, &nonce), "{len}");
            }
        }
    }

    #[test]
    fn the_field_has_inverses() {
        for a in [ONE, ONE >> 1, 1, REDUCED, u128::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(product(a, inverse(a)), ONE, "{a:#x}");
            assert_eq!(product(a, ONE), a);
        }
    }
}
