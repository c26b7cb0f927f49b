// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Encrypting and decrypting from one buffer into another, or in place.

use std::ops::Range;

use zeroize::Zeroizing;

use super::pointers::Stream;
use crate::guest_memory;

/// Bytes that are copied at once: what was copied is still in the processor's first cache when it is used.
const PIECE: usize = 4 * 1024;
/// The same where nothing is copied: so much that the call costs nothing, and the library's `int` holds it.
const DIRECT_PIECE: usize = 1024 * 1024;
/// What a cipher holds back of the input before a piece may come out with it: two blocks.
const HELD: usize = 32;

/// What is done without a copy though it lies in the client's memory, which the client can change at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Direct {
    /// Reading the input: it does no harm if it reads differently twice.
    pub(super) input: bool,
    /// Writing the output: it is written once, and not read again.
    pub(super) output: bool,
}

impl Stream<'_> {
    /// Calls `step` with the input, in pieces, and with room for what it gives out, whose length it returns. No
    /// more comes out than goes in, and than was held back before.
    ///
    /// What is the client's is copied, except where `direct` says otherwise: what `step` reads twice, to decrypt
    /// and to authenticate, must be the same twice, and what it writes on the way is nobody else's to see. What is
    /// the TA's own is not copied, unless the output is written over the input.
    pub(super) fn run<E>(
        self,
        direct: Direct,
        step: impl FnMut(&[u8], &mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let is_own = |Range { start, end }: Range<*const u8>| {
            start == end || !guest_memory::overlaps(start.addr()..end.addr())
        };
        match self {
            Self::InPlace(buffer, input_len) => in_place(buffer, input_len, step),
            Self::Apart(input, output) => {
                let direct = Direct {
                    input: direct.input || is_own(input.as_ptr_range()),
                    output: direct.output || is_own(output.as_ptr_range()),
                };
                apart(input, output, direct, step)
            }
        }
    }
}

/// Private room for output, with a piece's and what was held back.
fn room(pieces: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; pieces * (PIECE + HELD)])
}

/// Two buffers: what comes out is never in the way of what has not been read.
fn apart<E>(
    input: &[u8],
    output: &mut [u8],
    direct: Direct,
    mut step: impl FnMut(&[u8], &mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let most = if direct.input && direct.output { DIRECT_PIECE } else { PIECE };
    let mut piece = Zeroizing::new(Vec::with_capacity(if direct.input { 0 } else { PIECE }));
    let mut private = room(1);
    let (mut read, mut written) = (0, 0);
    while read < input.len() {
        let free = output.len() - written;
        // As much as there is room for whatever was held back; the rest goes by private room.
        let fits = direct.output && free > HELD;
        let most = if fits { most.min(free - HELD) } else { PIECE };
        let end = input.len().min(read + most);
        let data = if direct.input {
            &input[read..end]
        } else {
            piece.clear();
            piece.extend_from_slice(&input[read..end]);
            &piece[..]
        };
        read = end;
        written += if fits {
            step(data, &mut output[written..])?
        } else {
            let len = step(data, &mut private)?;
            output[written..written + len].copy_from_slice(&private[..len]);
            len
        };
    }
    Ok(())
}

/// One buffer, of which so much is input. What was held back comes out first, so the output may be ahead of the
/// input: it waits until what may be in its place was read.
fn in_place<E>(
    buffer: &mut [u8],
    input_len: usize,
    mut step: impl FnMut(&[u8], &mut [u8]) -> Result<usize, E>,
) -> Result<(), E> {
    let mut piece = Zeroizing::new(Vec::with_capacity(PIECE));
    let mut waiting = room(2);
    let (mut read, mut written, mut waits) = (0, 0, 0);
    while read < input_len {
        let end = input_len.min(read + PIECE);
        piece.clear();
        piece.extend_from_slice(&buffer[read..end]);
        read = end;

        waits += step(&piece, &mut waiting[waits..])?;
        let free = if read == input_len { buffer.len() } else { read } - written;
        let now = waits.min(free);
        buffer[written..written + now].copy_from_slice(&waiting[..now]);
        written += now;
        waiting.copy_within(now..waits, 0);
        waits -= now;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes on, each one more than it was, `held` bytes late. Needs the room that ciphers need.
    fn late<'h>(held: &'h mut Vec<u8>) -> impl FnMut(&[u8], &mut [u8]) -> Result<usize, ()> + 'h {
        |data, out| {
            assert!(out.len() >= data.len() + HELD);
            held.extend(data.iter().map(|byte| byte.wrapping_add(1)));
            // Whole blocks only.
            let len = held.len() / 16 * 16;
            out[..len].copy_from_slice(&held[..len]);
            held.drain(..len);
            Ok(len)
        }
    }

    #[test]
    fn steps_work_on_copies_where_it_is_not_said_otherwise() {
        let (input, mut output) = ([7; 80], [0; 112]);
        let (from, to) = (input.as_ptr_range(), output.as_ptr_range());
        for direct in [(false, false), (false, true), (true, false), (true, true)] {
            output.fill(0);
            let direct = Direct { input: direct.0, output: direct.1 };
            apart(&input, &mut output, direct, |data, out| {
                assert_eq!(from.contains(&data.as_ptr()), direct.input);
                assert_eq!(to.contains(&out.as_ptr()), direct.output);
                out[..data.len()].copy_from_slice(data);
                Ok::<usize, ()>(data.len())
            })
            .unwrap();
            assert_eq!(output[..80], input);
        }
    }

    #[test]
    fn what_is_the_tas_own_is_not_copied() {
        let (input, mut output) = (vec![7; 3 * PIECE], vec![0; 3 * PIECE + HELD]);
        let mut steps = 0;
        Stream::Apart(&input, &mut output)
            .run(Direct::default(), |data, out| {
                steps += 1;
                out[..data.len()].copy_from_slice(data);
                Ok::<usize, ()>(data.len())
            })
            .unwrap();
        assert_eq!((steps, &output[..3 * PIECE]), (1, &input[..]));
    }

    #[test]
    fn in_place_is_as_apart() {
        for len in [0, 1, 15, 16, 17, 31, 32, 33, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            for before in [0, 1, 11, 15, 31] {
                let input: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
                let ready = (before + len) / 16 * 16;

                let (mut held_in_place, mut buffer) = (vec![9; before], input.clone());
                buffer.resize(len.max(ready), 0);
                in_place(&mut buffer, len, late(&mut held_in_place)).unwrap();
                for direct in [(false, false), (false, true), (true, false), (true, true)] {
                    let direct = Direct { input: direct.0, output: direct.1 };
                    let (mut held, mut output) = (vec![9; before], vec![0; ready]);
                    apart(&input, &mut output, direct, late(&mut held)).unwrap();
                    assert_eq!((&buffer[..ready], &held_in_place), (&output[..], &held), "{before} + {len}");
                }
            }
        }
    }
}
