// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Symmetric ciphers over data in pieces of any length.

pub(crate) use super::block_cipher::{BlockCipher, Error};

use super::block_cipher::Chaining;
use super::blocks::Blocks;
use super::cts::Cts;
use super::xts::Xts;
use crate::sys::whole_blocks::WholeBlocks;

/// A mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// NIST SP 800-38A, as are the next two; without padding.
    Ecb,
    /// Without padding.
    Cbc,
    /// The whole block counts.
    Ctr,
    /// CBC with ciphertext stealing, variant CBC-CS3. More than a block, or nothing.
    Cts,
    /// IEEE 1619. A block or more, or nothing.
    Xts,
}

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    pub(crate) cipher: BlockCipher,
    pub(crate) mode: Mode,
}

/// Data being encrypted or decrypted.
pub(crate) struct Cipher {
    algorithm: Algorithm,
    blocks: Blocks,
    engine: Engine,
}

enum Engine {
    Plain(WholeBlocks),
    Cts(Cts),
    Xts(Xts),
}

impl Engine {
    fn run(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Plain(plain) => plain.run(data, out),
            Self::Cts(cts) => cts.run(data, out),
            Self::Xts(xts) => xts.run(data, out),
        }
    }

    fn last(&mut self, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::Plain(plain) => plain.run(data, out),
            Self::Cts(cts) => cts.last(data, out),
            Self::Xts(xts) => xts.last(data, out),
        }
    }
}

impl Cipher {
    /// Begins. `keys` are one, or two for XTS; `iv` is a block long, or empty for ECB.
    pub(crate) fn new(algorithm: Algorithm, encrypt: bool, keys: &[&[u8]], iv: &[u8]) -> Result<Self, Error> {
        let Algorithm { cipher, mode } = algorithm;
        let block_len = cipher.block_len();
        let plain = |chaining| match keys {
            [key] => Ok(Engine::Plain(cipher.begin(chaining, encrypt, key, iv)?)),
            _ => Err(Error::Length),
        };
        let (blocks, engine) = match (mode, keys) {
            (Mode::Ecb, _) => (Blocks::whole(block_len), plain(Chaining::Ecb)?),
            (Mode::Cbc, _) => (Blocks::whole(block_len), plain(Chaining::Cbc)?),
            // As in OP-TEE: AES gives out each byte when it is there, SM4 each block.
            (Mode::Ctr, _) if cipher == BlockCipher::Aes => (Blocks::whole(1), plain(Chaining::Ctr)?),
            (Mode::Ctr, _) => (Blocks::whole(block_len), plain(Chaining::Ctr)?),
            (Mode::Cts, [key]) => {
                (Blocks::before_last_two(block_len), Engine::Cts(Cts::new(cipher, encrypt, key, iv)?))
            }
            (Mode::Xts, [key, tweak_key]) => (
                Blocks::before_last_two(block_len),
                Engine::Xts(Xts::new(cipher, encrypt, key, tweak_key, iv)?),
            ),
            (Mode::Cts | Mode::Xts, _) => return Err(Error::Length),
        };
        Ok(Self { algorithm, blocks, engine })
    }

    /// How many bytes [`update`](Self::update) with `len` bytes gives out.
    pub(crate) fn update_len(&self, len: usize) -> usize {
        self.blocks.ready(len)
    }

    /// Takes in data, and writes what is ready to the beginning of `out`, which has room. Returns its length.
    pub(crate) fn update(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let Self { blocks, engine, .. } = self;
        let mut at = 0;
        blocks.feed(data, |data| -> Result<(), Error> {
            let end = at + data.len();
            engine.run(data, out.get_mut(at..end).ok_or(Error::Length)?)?;
            at = end;
            Ok(())
        })?;
        Ok(at)
    }

    /// How many bytes are left to give out at the end, where `len` more are taken in before.
    pub(crate) fn final_len(&self, len: usize) -> usize {
        self.blocks.held().len().saturating_add(len)
    }

    /// Whether all its data are whole blocks.
    pub(crate) fn takes_whole_blocks(&self) -> bool {
        matches!(self.algorithm.mode, Mode::Ecb | Mode::Cbc)
    }

    /// Whether the data can end after `len` more bytes.
    pub(crate) fn may_end(&self, len: usize) -> bool {
        // What was passed on were whole blocks, and of CTS and XTS a block or more is always held back.
        let rest = self.final_len(len);
        let block_len = self.algorithm.cipher.block_len();
        match self.algorithm.mode {
            Mode::Ecb | Mode::Cbc => rest % block_len == 0,
            Mode::Ctr => true,
            Mode::Cts => rest == 0 || rest > block_len,
            Mode::Xts => rest == 0 || rest >= block_len,
        }
    }

    /// Writes what is left, of [`final_len`](Self::final_len)`(0)` bytes. Nothing more can follow.
    pub(crate) fn finish(mut self, out: &mut [u8]) -> Result<(), Error> {
        if !self.may_end(0) {
            return Err(Error::Length);
        }
        let rest = self.blocks.held();
        if rest.is_empty() {
            return Ok(());
        }
        self.engine.last(rest, out)
    }

    /// One that goes on by itself from here.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let engine = match &self.engine {
            Engine::Plain(plain) => Engine::Plain(plain.try_clone()?),
            Engine::Cts(cts) => Engine::Cts(cts.try_clone()?),
            Engine::Xts(xts) => Engine::Xts(xts.try_clone()?),
        };
        Ok(Self { algorithm: self.algorithm, blocks: self.blocks.clone(), engine })
    }
}
