// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Encrypting and decrypting from one buffer into another, or in place.

use zeroize::Zeroizing;

use super::pointers::Stream;

/// Bytes that are read before anything is written over them.
const PIECE: usize = 16 * 1024;
/// What a cipher holds back of the input before a piece may come out with it: two blocks.
const HELD: usize = 32;

impl Stream<'_> {
    /// Calls `step` with the input, in pieces, and with room for what it gives out, whose length it returns. No
    /// more comes out than goes in, and than was held back before.
    ///
    /// Both are private copies. A buffer may be the client's, who can change it at any time: what `step` reads
    /// twice, to decrypt and to authenticate, must be the same twice, and what it writes on the way is nobody
    /// else's to see.
    pub(super) fn run<E>(
        mut self,
        mut step: impl FnMut(&[u8], &mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let (input_len, output_len) = (self.input().len(), self.output().len());
        // What was held back comes out first, so the output may be ahead of the input: it waits until what may be
        // in its place was read.
        let mut piece = Zeroizing::new(Vec::with_capacity(PIECE));
        let mut waiting = Zeroizing::new(Vec::with_capacity(PIECE + 2 * HELD));
        let (mut read, mut written) = (0, 0);
        while read < input_len {
            let end = input_len.min(read + PIECE);
            piece.clear();
            piece.extend_from_slice(&self.input()[read..end]);
            read = end;

            let begin = waiting.len();
            waiting.resize(begin + piece.len() + HELD, 0);
            let len = step(&piece, &mut waiting[begin..])?;
            waiting.truncate(begin + len);

            let free = if read == input_len { output_len } else { read.min(output_len) } - written;
            let now = waiting.len().min(free);
            self.output()[written..written + now].copy_from_slice(&waiting[..now]);
            written += now;
            waiting.drain(..now);
        }
        Ok(())
    }

    fn input(&self) -> &[u8] {
        match self {
            Self::Apart(input, _) => input,
            Self::InPlace(buffer, input_len) => &buffer[..*input_len],
        }
    }

    fn output(&mut self) -> &mut [u8] {
        match self {
            Self::Apart(_, output) => output,
            Self::InPlace(buffer, _) => buffer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes on, each one more than it was, `held` bytes late.
    fn run(stream: Stream, held: &mut Vec<u8>) {
        stream
            .run(|data, out| {
                held.extend(data.iter().map(|byte| byte.wrapping_add(1)));
                // Whole blocks only.
                let len = held.len() / 16 * 16;
                out[..len].copy_from_slice(&held[..len]);
                held.drain(..len);
                Ok::<usize, ()>(len)
            })
            .unwrap();
    }

    #[test]
    fn steps_work_on_copies() {
        let (input, mut output) = ([7; 40], [0; 48]);
        let (from, to) = (input.as_ptr_range(), output.as_ptr_range());
        let stream = Stream::Apart(&input, &mut output);
        stream
            .run(|data, out| {
                assert!(!from.contains(&data.as_ptr()) && !to.contains(&out.as_ptr()));
                out[..data.len()].copy_from_slice(data);
                Ok::<usize, ()>(data.len())
            })
            .unwrap();
        assert_eq!(output[..40], input);
    }

    #[test]
    fn in_place_is_as_apart() {
        for len in [0, 1, 15, 16, 17, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            for before in [0, 1, 11, 15] {
                let input: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
                let ready = (before + len) / 16 * 16;

                let (mut held, mut apart) = (vec![9; before], vec![0; ready]);
                run(Stream::Apart(&input, &mut apart), &mut held);

                let (mut held_in_place, mut buffer) = (vec![9; before], input.clone());
                buffer.resize(len.max(ready), 0);
                run(Stream::InPlace(&mut buffer, len), &mut held_in_place);
                assert_eq!((&buffer[..ready], held_in_place), (&apart[..], held), "{before} + {len}");
            }
        }
    }
}
