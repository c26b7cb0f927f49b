// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! AES-CCM (NIST SP 800-38C, RFC 3610) over data in pieces, whose lengths are known before. The crypto library's
//! own wants all of the data at once; this is its CBC and its counter mode put together.

use zeroize::Zeroizing;

use super::ae::Error;
use super::block_cipher::{BlockCipher, Chaining};
use super::blocks::Blocks;
use super::cbc_mac::CbcMac;
use crate::sys::whole_blocks::WholeBlocks;

const BLOCK: usize = 16;
/// Bytes that are encrypted at once.
const CHUNK: usize = 1024;

/// A message being encrypted or decrypted.
pub(super) struct Ccm {
    encrypt: bool,
    blocks: Blocks,
    work: Work,
    /// Bytes that are still to come.
    aad_left: usize,
    payload_left: usize,
    tag_len: usize,
}

struct Work {
    mac: CbcMac,
    ctr: WholeBlocks,
    /// What hides the code.
    mask: Zeroizing<[u8; BLOCK]>,
}

impl Ccm {
    /// Begins. The nonce has 7 to 13 bytes, and the more it has, the shorter the payload is; the tag has 4, 6,
    /// to 16.
    pub(super) fn new(
        encrypt: bool,
        key: &[u8],
        nonce: &[u8],
        tag_len: usize,
        aad_len: usize,
        payload_len: usize,
    ) -> Result<Self, Error> {
        if !(7..=13).contains(&nonce.len()) || !matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
            return Err(Error::Length);
        }
        // Bytes that the length of the payload, and the counter, have.
        let count_len = BLOCK - 1 - nonce.len();
        let payload = (payload_len as u64).to_be_bytes();
        let (above, payload) = payload.split_at(8 - count_len);
        if above.iter().any(|byte| *byte != 0) {
            return Err(Error::Length);
        }

        let aad_flag = u8::from(aad_len > 0) * 0x40;
        let flags = aad_flag + ((tag_len - 2) / 2) as u8 * 8 + (count_len - 1) as u8;
        let mut mac = CbcMac::new(BlockCipher::Aes, key)?;
        mac.update(&[&[flags][..], nonce, payload].concat())?;
        let len = (aad_len as u64).to_be_bytes();
        match aad_len as u64 {
            0 => {}
            1..0xff00 => mac.update(&len[6..])?,
            0xff00..=0xffff_ffff => mac.update(&[&[0xff, 0xfe][..], &len[4..]].concat())?,
            _ => mac.update(&[&[0xff, 0xff][..], &len].concat())?,
        }

        let counter = [&[(count_len - 1) as u8][..], nonce, &[0; 8][..count_len]].concat();
        let mut ctr = BlockCipher::Aes.begin(Chaining::Ctr, true, key, &counter)?;
        let mut mask = Zeroizing::new([0; BLOCK]);
        ctr.run(&[0; BLOCK], &mut mask[..])?;
        Ok(Self {
            encrypt,
            // As OP-TEE gives it out.
            blocks: Blocks::whole(BLOCK),
            work: Work { mac, ctr, mask },
            aad_left: aad_len,
            payload_left: payload_len,
            tag_len,
        })
    }

    /// Takes in data that are not encrypted.
    pub(super) fn update_aad(&mut self, data: &[u8]) -> Result<(), Error> {
        self.aad_left = self.aad_left.checked_sub(data.len()).ok_or(Error::Length)?;
        self.work.mac.update(data)?;
        if self.aad_left == 0 {
            self.work.mac.pad_with_zeros()?;
        }
        Ok(())
    }

    /// How many bytes [`update`](Self::update) with `len` bytes gives out.
    pub(super) fn update_len(&self, len: usize) -> usize {
        self.blocks.ready(len)
    }

    /// Bytes left to give out at the end.
    pub(super) fn rest_len(&self) -> usize {
        self.blocks.held().len()
    }

    /// Takes in payload, after all of the other data.
    pub(super) fn update(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        if data.is_empty() {
            return Ok(0);
        }
        if self.aad_left > 0 {
            return Err(Error::Length);
        }
        self.payload_left = self.payload_left.checked_sub(data.len()).ok_or(Error::Length)?;
        let Self { encrypt, blocks, work, .. } = self;
        let mut at = 0;
        blocks.feed(data, |data| -> Result<(), Error> {
            let end = at + data.len();
            work.run(*encrypt, data, out.get_mut(at..end).ok_or(Error::Length)?)?;
            at = end;
            Ok(())
        })?;
        Ok(at)
    }

    /// Writes what is left, [`rest_len`](Self::rest_len) bytes. Returns the tag.
    pub(super) fn finish(mut self, out: &mut [u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        if self.aad_left > 0 || self.payload_left > 0 {
            return Err(Error::Length);
        }
        let Work { mut mac, mask, .. } = {
            self.work.run(self.encrypt, self.blocks.held(), out)?;
            self.work
        };
        mac.pad_with_zeros()?;
        let mut tag = mac.finish()?;
        for (byte, mask) in tag.iter_mut().zip(mask.iter()) {
            *byte ^= mask;
        }
        tag.truncate(self.tag_len);
        Ok(tag)
    }

    /// One that goes on by itself from here.
    pub(super) fn try_clone(&self) -> Result<Self, Error> {
        let Work { mac, ctr, mask } = &self.work;
        let work = Work { mac: mac.try_clone()?, ctr: ctr.try_clone()?, mask: mask.clone() };
        Ok(Self { blocks: self.blocks.clone(), work, ..*self })
    }
}

impl Work {
    fn run(&mut self, encrypt: bool, data: &[u8], out: &mut [u8]) -> Result<(), Error> {
        // Plaintext is used twice, and both buffers may be the client's, who may change them: so from a copy.
        let mut plain = Zeroizing::new([0; CHUNK]);
        for (data, out) in data.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
            let plain = &mut plain[..data.len()];
            if encrypt {
                plain.copy_from_slice(data);
                self.ctr.run(plain, out)?;
            } else {
                self.ctr.run(data, plain)?;
                out.copy_from_slice(plain);
            }
            self.mac.update(plain)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use openssl::cipher::Cipher;
    use openssl::cipher_ctx::CipherCtx;

    use super::*;

    /// What the crypto library makes of it, in one piece: ciphertext and tag.
    fn by_library(key: &[u8], nonce: &[u8], aad: &[u8], payload: &[u8]) -> (Vec<u8>, [u8; 16]) {
        let mut context = CipherCtx::new().unwrap();
        context.encrypt_init(Some(Cipher::aes_128_ccm()), None, None).unwrap();
        context.set_iv_length(nonce.len()).unwrap();
        context.set_tag_length(16).unwrap();
        context.encrypt_init(None, Some(key), Some(nonce)).unwrap();
        context.set_data_len(payload.len()).unwrap();
        if !aad.is_empty() {
            context.cipher_update(aad, None).unwrap();
        }
        let (mut out, mut tag) = (vec![0; payload.len()], [0; 16]);
        context.cipher_update(payload, Some(&mut out)).unwrap();
        context.tag(&mut tag).unwrap();
        (out, tag)
    }

    #[test]
    fn it_is_the_librarys_for_every_length() {
        let payload: Vec<u8> = (0..3000).map(|at| (at % 241) as u8).collect();
        // Of each way to write the length of the other data but the longest, which is 4 GiB.
        for (payload_len, aad_len) in
            [(0, 0), (0, 1), (1, 0), (16, 16), (17, 15), (1024, 0xfeff), (1025, 0xff00), (3000, 0x1_0001)]
        {
            let (aad, payload) = (vec![3; aad_len], &payload[..payload_len]);
            for nonce_len in 7..=13 {
                let (key, nonce) = ([9; 16], &[5; 13][..nonce_len]);
                let mut ccm = Ccm::new(true, &key, nonce, 16, aad_len, payload_len).unwrap();
                ccm.update_aad(&aad).unwrap();
                let mut out = vec![0; payload_len];
                let ready = ccm.update(payload, &mut out).unwrap();
                let tag = ccm.finish(&mut out[ready..]).unwrap();
                let (expected, expected_tag) = by_library(&key, nonce, &aad, payload);
                assert!(out == expected && *tag == expected_tag, "{payload_len} {aad_len} {nonce_len}");
            }
        }
    }

    #[test]
    fn the_payload_is_as_long_as_told_and_as_the_counter_lets_it() {
        let new =
            |nonce_len, payload_len| Ccm::new(true, &[1; 16], &[2; 13][..nonce_len], 16, 0, payload_len);
        assert!(matches!(new(13, 0x1_0000), Err(Error::Length)));
        assert!(new(13, 0xffff).is_ok() && new(12, 0x1_0000).is_ok());
        let mut ccm = new(13, 20).unwrap();
        assert_eq!(ccm.update(&[0; 21], &mut [0; 16]), Err(Error::Length));
        assert!(new(13, 20).unwrap().finish(&mut []).is_err());
    }
}
