// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! XTS (IEEE 1619), in pieces: the crypto library's own takes a data unit in one call, of 16 MiB at most.

use zeroize::Zeroizing;

use super::block_cipher::{BlockCipher, Chaining, Error};
use crate::sys::whole_blocks::WholeBlocks;

const BLOCK: usize = 16;
/// Bytes that are encrypted at once; whole blocks.
const CHUNK: usize = 4096;

/// A data unit being encrypted or decrypted.
pub(super) struct Xts {
    encrypt: bool,
    /// With the first key.
    ecb: WholeBlocks,
    tweak: Tweak,
}

/// What a block is combined with before and after: a polynomial over GF(2), the first byte has the lowest terms.
#[derive(Clone)]
struct Tweak(Zeroizing<u128>);

impl Tweak {
    fn bytes(&self) -> [u8; BLOCK] {
        self.0.to_le_bytes()
    }

    /// That of the next block: times x, modulo x^128 + x^7 + x^2 + x + 1.
    fn next(&self) -> Self {
        // Without a branch, for it is secret.
        let carry = 0x87 & 0_u128.wrapping_sub(*self.0 >> 127);
        Self(Zeroizing::new((*self.0 << 1) ^ carry))
    }
}

impl Xts {
    /// Begins a data unit with the tweak value `iv`, a block.
    pub(super) fn new(
        cipher: BlockCipher,
        encrypt: bool,
        key: &[u8],
        tweak_key: &[u8],
        iv: &[u8],
    ) -> Result<Self, Error> {
        let ecb = cipher.begin(Chaining::Ecb, encrypt, key, &[])?;
        let mut first = Zeroizing::new([0; BLOCK]);
        cipher.begin(Chaining::Ecb, true, tweak_key, &[])?.run(iv, &mut first[..])?;
        Ok(Self { encrypt, ecb, tweak: Tweak(Zeroizing::new(u128::from_le_bytes(*first))) })
    }

    /// Whole blocks, of which more have to follow: at least one, and one and a part at most.
    pub(super) fn run(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let mut tweaks = Zeroizing::new([0; CHUNK]);
        let mut mixed = Zeroizing::new([0; CHUNK]);
        // Not in `out`, which a client may see: what is in it before and after would tell it the tweaks.
        let mut crypted = Zeroizing::new([0; CHUNK]);
        for (data, out) in data.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            for tweak in tweaks[..data.len()].chunks_exact_mut(BLOCK) {
                tweak.copy_from_slice(&self.tweak.bytes());
                self.tweak = self.tweak.next();
            }
            for ((mixed, data), tweak) in mixed.iter_mut().zip(data).zip(tweaks.iter()) {
                *mixed = data ^ tweak;
            }
            self.ecb.run(&mixed[..data.len()], &mut crypted[..data.len()])?;
            for ((out, crypted), tweak) in out.iter_mut().zip(crypted.iter()).zip(tweaks.iter()) {
                *out = crypted ^ tweak;
            }
        }
        Ok(())
    }

    /// The last two blocks, of which the second may be a part or nothing. A part borrows what it lacks from the
    /// first ("ciphertext stealing").
    pub(super) fn last(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if data.len() % BLOCK == 0 {
            return self.run(data, out);
        }
        let (Some((whole, part)), Some((out_whole, out_part))) =
            (data.split_at_checked(BLOCK), out.split_at_mut_checked(BLOCK))
        else {
            return Err(Error::Length);
        };
        // To decrypt, the tweaks change places.
        let later = Tweak::next(&self.tweak);
        let (first, second) =
            if self.encrypt { (self.tweak.clone(), later) } else { (later, self.tweak.clone()) };

        let mut lent = Zeroizing::new([0; BLOCK]);
        self.tweak = first;
        self.run(whole, &mut lent[..])?;
        let mut joined = Zeroizing::new(*lent);
        joined[..part.len()].copy_from_slice(part);
        out_part.copy_from_slice(&lent[..part.len()]);
        self.tweak = second;
        self.run(&joined[..], out_whole)
    }

    /// One that goes on by itself from here.
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        Ok(Self { encrypt: self.encrypt, ecb: self.ecb.try_clone()?, tweak: self.tweak.clone() })
    }
}

#[cfg(test)]
mod tests {
    use openssl::symm::{self, Cipher};

    use super::*;

    #[test]
    fn it_is_the_librarys_for_every_length() {
        let key: Vec<u8> = (0..32).collect();
        let iv = [0xa5; BLOCK];
        let plain: Vec<u8> = (0..2 * CHUNK + 40).map(|at| (at % 249) as u8).collect();
        for len in (BLOCK..100).chain(CHUNK - 3..CHUNK + 35).chain([plain.len()]) {
            let expected = symm::encrypt(Cipher::aes_128_xts(), &key, Some(&iv), &plain[..len]).unwrap();
            // All but the last block and a part, which are between 16 and 32 bytes.
            let split = (len - BLOCK) / BLOCK * BLOCK;
            for (encrypt, from, to) in
                [(true, &plain[..len], &expected[..]), (false, &expected, &plain[..len])]
            {
                let mut xts = Xts::new(BlockCipher::Aes, encrypt, &key[..16], &key[16..], &iv).unwrap();
                let mut out = vec![0; len];
                xts.run(&from[..split], &mut out[..split]).unwrap();
                xts.last(&from[split..], &mut out[split..]).unwrap();
                assert!(out == to, "{encrypt} {len}");
            }
        }
    }

    #[test]
    fn less_than_a_block_is_an_error() {
        let mut xts = Xts::new(BlockCipher::Aes, true, &[1; 16], &[2; 16], &[0; BLOCK]).unwrap();
        assert!(matches!(xts.last(&[0; 15], &mut [0; 15]), Err(Error::Length)));
    }
}
