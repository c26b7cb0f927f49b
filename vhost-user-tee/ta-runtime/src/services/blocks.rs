// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Data in pieces of any length, made into whole blocks for a mode that takes no others.

use zeroize::Zeroizing;

/// The longest block there is.
const LONGEST: usize = 16;

/// What is held back between pieces. It is wiped when dropped.
#[derive(Clone)]
pub(super) struct Blocks {
    block_len: usize,
    /// What is held back has to be more than a block, where there is that much: the end of the data is
    /// treated apart, and only at the end it shows which blocks are the last two.
    last_two: bool,
    held: Zeroizing<Vec<u8>>,
}

impl Blocks {
    /// Passes on every block that is whole.
    pub(super) fn whole(block_len: usize) -> Self {
        Self { block_len, last_two: false, held: Zeroizing::new(Vec::with_capacity(2 * LONGEST)) }
    }

    /// The same, but for the last two blocks or parts of them.
    pub(super) fn before_last_two(block_len: usize) -> Self {
        Self { last_two: true, ..Self::whole(block_len) }
    }

    /// What is held back.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Forgets what is held back.
    pub(super) fn clear(&mut self) {
        // A new one, since clearing a vector leaves its bytes.
        self.held = Self::whole(self.block_len).held;
    }

    /// How many bytes a piece of `len` more lets pass.
    pub(super) fn ready(&self, len: usize) -> usize {
        let total = self.held.len().saturating_add(len);
        if self.last_two {
            total.saturating_sub(2 * self.block_len).div_ceil(self.block_len) * self.block_len
        } else {
            total - total % self.block_len
        }
    }

    /// Takes in a piece and calls `pass` with whole blocks in turn, [`ready`](Self::ready) bytes in all.
    pub(super) fn feed<E>(
        &mut self,
        mut piece: &[u8],
        mut pass: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ready = self.ready(piece.len());
        if ready > 0 && !self.held.is_empty() {
            let first = ready.min(self.held.len().next_multiple_of(self.block_len));
            let (fill, rest) = piece.split_at(first.saturating_sub(self.held.len()));
            self.held.extend_from_slice(fill);
            piece = rest;
            pass(&self.held[..first])?;
            let rest = Zeroizing::new(self.held[first..].to_vec());
            self.clear();
            self.held.extend_from_slice(&rest);
            ready -= first;
        }
        let (now, later) = piece.split_at(ready);
        if !now.is_empty() {
            pass(now)?;
        }
        self.held.extend_from_slice(later);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds pieces of these lengths; returns how much passed after each.
    fn passed(mut blocks: Blocks, lens: &[usize]) -> Vec<usize> {
        let mut out = Vec::new();
        let mut next = 0_u8;
        let after = lens
            .iter()
            .map(|len| {
                let piece: Vec<u8> = (next..).take(*len).collect();
                next += *len as u8;
                let before = out.len();
                let ready = blocks.ready(*len);
                let pass = |data: &[u8]| {
                    assert_eq!(data.len() % 16, 0);
                    out.extend_from_slice(data);
                    Ok::<(), ()>(())
                };
                blocks.feed(&piece, pass).unwrap();
                assert_eq!(out.len() - before, ready);
                out.len()
            })
            .collect();
        out.extend_from_slice(blocks.held());
        assert!(out.iter().copied().eq(0..next), "all of it, in order");
        after
    }

    #[test]
    fn whole_blocks_pass() {
        assert_eq!(passed(Blocks::whole(16), &[1, 14, 1, 16, 0, 17, 40]), [0, 0, 16, 32, 32, 48, 80]);
    }

    #[test]
    fn the_last_two_are_held_back() {
        let lens = [16, 16, 1, 15, 1, 50, 0];
        assert_eq!(passed(Blocks::before_last_two(16), &lens), [0, 0, 16, 16, 32, 80, 80]);
        assert_eq!(passed(Blocks::before_last_two(16), &[20, 30]), [0, 32]);
        assert_eq!(passed(Blocks::before_last_two(16), &[32, 5, 100]), [0, 16, 112]);
    }
}
