// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! CBC with ciphertext stealing, variant CBC-CS3 (NIST SP 800-38A, addendum): the last two blocks of the
//! ciphertext change places even where the last is whole. In pieces; the crypto library's own takes all at once.

use zeroize::Zeroizing;

use super::block_cipher::{BlockCipher, Chaining, Error};
use crate::sys::whole_blocks::WholeBlocks;

const BLOCK: usize = 16;

/// A message being encrypted or decrypted.
pub(super) struct Cts {
    cbc: WholeBlocks,
    /// To decrypt: what takes the last block but one apart.
    ecb: Option<WholeBlocks>,
}

impl Cts {
    /// Begins.
    pub(super) fn new(cipher: BlockCipher, encrypt: bool, key: &[u8], iv: &[u8]) -> Result<Self, Error> {
        let cbc = cipher.begin(Chaining::Cbc, encrypt, key, iv)?;
        let ecb = if encrypt { None } else { Some(cipher.begin(Chaining::Ecb, false, key, &[])?) };
        Ok(Self { cbc, ecb })
    }

    /// Whole blocks, after which come at least one more and a part.
    pub(super) fn run(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.cbc.run(data, out)
    }

    /// The last two blocks, of which the second may be a part.
    pub(super) fn last(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let (Some((whole, part)), Some((out_whole, out_part))) =
            (data.split_at_checked(BLOCK), out.split_at_mut_checked(BLOCK))
        else {
            return Err(Error::Length);
        };
        if part.is_empty() || part.len() > BLOCK {
            return Err(Error::Length);
        }
        let mut stolen = Zeroizing::new([0; BLOCK]);
        let mut joined = Zeroizing::new([0; BLOCK]);
        match &mut self.ecb {
            None => {
                self.cbc.run(whole, &mut stolen[..])?;
                // The part with zeros after it.
                joined[..part.len()].copy_from_slice(part);
                self.cbc.run(&joined[..], out_whole)?;
                out_part.copy_from_slice(&stolen[..part.len()]);
            }
            Some(ecb) => {
                // The end of the block that the part was cut off from.
                ecb.run(whole, &mut joined[..])?;
                joined[..part.len()].copy_from_slice(part);
                self.cbc.run(&joined[..], out_whole)?;
                self.cbc.run(whole, &mut stolen[..])?;
                out_part.copy_from_slice(&stolen[..part.len()]);
            }
        }
        Ok(())
    }

    /// One that goes on by itself from here.
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        let ecb = self.ecb.as_ref().map(WholeBlocks::try_clone).transpose()?;
        Ok(Self { cbc: self.cbc.try_clone()?, ecb })
    }
}
