// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What TAs print: OP-TEE's trace functions, as far as they are not part of the TA itself (C TAs are built with
//! the dev kit's `trace.c`, which formats).

use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::Mutex;

use super::handles::lock;
use super::pointers::{bytes, string};
use crate::services::{self, Level};

/// `TRACE_MAX`.
const TRACE_MAX: c_int = 4;

/// A line that does not end is logged in parts of this many bytes.
const MAX_LINE: usize = 1024;

/// What the TA has printed of the line that is to come: Rust's formatting prints in pieces.
static LINE: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static TRACE_LEVEL: AtomicI32 = AtomicI32::new(TRACE_MAX);

/// Prints bytes; a newline ends a line.
///
/// # Safety
/// `len` bytes can be read at `buf`.
#[no_mangle]
unsafe extern "C" fn _utee_log(buf: *const c_void, len: usize) {
    // SAFETY: the caller's word.
    print(&mut lock(&LINE), unsafe { bytes(buf, len) }, services::log);
}

/// Prints a string.
///
/// # Safety
/// `str` points to a string.
#[no_mangle]
unsafe extern "C" fn trace_ext_puts(str: *const c_char) {
    // SAFETY: the caller's word.
    print(&mut lock(&LINE), unsafe { string(str) }.to_bytes(), services::log);
}

/// Keeps the level, from 0 to 4, up to which the TA wants to trace.
#[no_mangle]
extern "C" fn trace_set_level(level: c_int) {
    TRACE_LEVEL.store(level.clamp(0, TRACE_MAX), Ordering::Relaxed);
}

/// The level that was last set; the finest, before.
#[no_mangle]
extern "C" fn trace_get_level() -> c_int {
    TRACE_LEVEL.load(Ordering::Relaxed)
}

/// Logs what there is of a line that was not ended.
pub(super) fn flush() {
    let mut line = lock(&LINE);
    if !line.is_empty() {
        log_line(&line, services::log);
        line.clear();
    }
}

fn print(line: &mut Vec<u8>, text: &[u8], mut log: impl FnMut(Level, &str)) {
    for byte in text {
        if *byte != b'\n' {
            line.push(*byte);
        }
        if *byte == b'\n' || line.len() == MAX_LINE {
            log_line(line, &mut log);
            line.clear();
        }
    }
}

/// Logs one line. OP-TEE's traces begin with a letter for the level and the name "TA"; the log has both.
fn log_line(line: &[u8], mut log: impl FnMut(Level, &str)) {
    let (level, text) = match line {
        [letter @ (b'M' | b'E' | b'I' | b'D' | b'F'), b'/', b'T', b'A', b':', b' ', text @ ..] => {
            let level = match letter {
                b'E' => Level::Error,
                b'D' => Level::Debug,
                b'F' => Level::Trace,
                _ => Level::Info,
            };
            (level, text)
        }
        text => (Level::Info, text),
    };
    log(level, &String::from_utf8_lossy(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&str]) -> (Vec<(Level, String)>, Vec<u8>) {
        let (mut line, mut lines) = (Vec::new(), Vec::new());
        for piece in pieces {
            print(&mut line, piece.as_bytes(), |level, text| lines.push((level, text.to_owned())));
        }
        (lines, line)
    }

    #[test]
    fn pieces_are_put_together_to_lines() {
        let (lines, rest) = lines(&["a = ", "1", "\nb\n\n", "c"]);
        assert_eq!(lines, ["a = 1", "b", ""].map(|text| (Level::Info, text.to_owned())));
        assert_eq!(rest, b"c");
    }

    #[test]
    fn traces_tell_their_level() {
        for (line, level, text) in [
            ("E/TA: f:1 bad\n", Level::Error, "f:1 bad"),
            ("I/TA: hello\n", Level::Info, "hello"),
            ("D/TA: f:1 x\n", Level::Debug, "f:1 x"),
            ("F/TA: f:1 > in\n", Level::Trace, "f:1 > in"),
            ("M/TA: any\n", Level::Info, "any"),
            ("X/TA: other\n", Level::Info, "X/TA: other"),
            ("E/TB: other\n", Level::Info, "E/TB: other"),
        ] {
            assert_eq!(lines(&[line]).0, [(level, text.to_owned())]);
        }
    }

    #[test]
    fn an_endless_line_is_cut() {
        let (lines, rest) = lines(&[&"x".repeat(MAX_LINE * 2 + 1)]);
        assert_eq!(lines.len(), 2);
        assert_eq!(rest, b"x");
    }
}
