// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! CBC-MAC (ISO/IEC 9797-1, algorithm 1): the last block of a CBC encryption that begins with zeros.

use zeroize::Zeroizing;

use super::block_cipher::{BlockCipher, Chaining, Error};
use super::blocks::Blocks;
use crate::sys::whole_blocks::WholeBlocks;

/// Bytes that are encrypted at once; whole blocks.
const CHUNK: usize = 1024;

/// A code being made.
pub(super) struct CbcMac {
    cbc: WholeBlocks,
    blocks: Blocks,
    /// The last block encrypted; none before the first.
    last: Option<Zeroizing<Vec<u8>>>,
}

impl CbcMac {
    /// Begins.
    pub(super) fn new(cipher: BlockCipher, key: &[u8]) -> Result<Self, Error> {
        let block_len = cipher.block_len();
        let cbc = cipher.begin(Chaining::Cbc, true, key, &vec![0; block_len])?;
        Ok(Self { cbc, blocks: Blocks::whole(block_len), last: None })
    }

    /// Takes in data.
    pub(super) fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        let Self { cbc, blocks, last } = self;
        let mut scratch = Zeroizing::new([0; CHUNK]);
        blocks.feed(data, |data| -> Result<(), Error> {
            for chunk in data.chunks(CHUNK) {
                let out = &mut scratch[..chunk.len()];
                cbc.run(chunk, out)?;
                *last = Some(Zeroizing::new(out[out.len() - cbc.block_len()..].to_vec()));
            }
            Ok(())
        })
    }

    /// Bytes that are missing to a whole block: between 1 and its length.
    fn missing(&self) -> usize {
        self.cbc.block_len() - self.blocks.held().len()
    }

    /// Adds zeros up to a whole block, where one has begun.
    pub(super) fn pad_with_zeros(&mut self) -> Result<(), Error> {
        if self.blocks.held().is_empty() {
            return Ok(());
        }
        self.update(&vec![0; self.missing()])
    }

    /// Adds the padding of PKCS #7 (which GP calls PKCS5): always, and each byte tells how many there are.
    pub(super) fn pad_with_count(&mut self) -> Result<(), Error> {
        let missing = self.missing();
        self.update(&vec![missing as u8; missing])
    }

    /// The code, a block long. What was taken in has to be whole blocks, at least one.
    pub(super) fn finish(self) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.last.filter(|_| self.blocks.held().is_empty()).ok_or(Error::Length)
    }

    /// One that goes on by itself from here.
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        Ok(Self { cbc: self.cbc.try_clone()?, blocks: self.blocks.clone(), last: self.last.clone() })
    }
}
