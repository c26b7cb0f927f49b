// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What TAs print, on its way to the daemon's log: in lines, harmless, and not too many.

use std::time::{Duration, Instant};

use ta_protocol::log_line;

/// Longest line, in bytes; the rest of one is left out.
const MAX_LINE: usize = 512;
/// So many lines at once,
const BURST: u32 = 200;
/// and one more each so often.
const REFILL: Duration = Duration::from_millis(10);

/// Cuts what one instance prints into lines and logs them.
pub(crate) struct TaLog {
    /// Who prints.
    name: String,
    line: Vec<u8>,
    too_long: bool,
    left: u32,
    refilled: Instant,
    dropped: u64,
}

impl TaLog {
    /// Logs in the name of `name`.
    pub(crate) fn new(name: String) -> Self {
        Self { name, line: Vec::new(), too_long: false, left: BURST, refilled: Instant::now(), dropped: 0 }
    }

    /// Takes in what was printed.
    pub(crate) fn take(&mut self, printed: &[u8]) {
        for byte in printed {
            if *byte == b'\n' {
                self.end_line();
            } else if self.line.len() < MAX_LINE {
                self.line.push(*byte);
            } else {
                self.too_long = true;
            }
        }
    }

    /// Logs what is left.
    pub(crate) fn finish(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
        if self.dropped > 0 {
            log::warn!(target: "ta", "{}: {} lines left out", self.name, self.dropped);
            self.dropped = 0;
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        if !self.may_log(Instant::now()) {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            log::warn!(target: "ta", "{}: {} lines left out: it prints too fast", self.name, self.dropped);
            self.dropped = 0;
        }
        let (level, text) = log_line::parse(&line);
        let more = if too_long { "…" } else { "" };
        log::log!(target: "ta", log_level(level), "{}: {}{more}", self.name, printable(text));
    }

    fn may_log(&mut self, now: Instant) -> bool {
        let periods = now.saturating_duration_since(self.refilled).as_nanos() / REFILL.as_nanos();
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        if periods > 0 {
            self.left = self.left.saturating_add(periods).min(BURST);
            self.refilled = now;
        }
        let may = self.left > 0;
        self.left -= u32::from(may);
        may
    }
}

fn log_level(level: log_line::Level) -> log::Level {
    match level {
        log_line::Level::Error => log::Level::Error,
        log_line::Level::Warn => log::Level::Warn,
        log_line::Level::Info => log::Level::Info,
        log_line::Level::Debug => log::Level::Debug,
        log_line::Level::Trace => log::Level::Trace,
    }
}

/// `text` without what could steer a terminal, or look like a line of its own.
fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .map(|char| match char {
            '\t' => ' ',
            char if char.is_control() => char::REPLACEMENT_CHARACTER,
            char => char,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rationed() {
        let mut log = TaLog::new("test".into());
        let start = log.refilled;
        assert!((0..BURST).all(|_| log.may_log(start)));
        assert!(!log.may_log(start));
        assert!(log.may_log(start + REFILL));
        assert!(!log.may_log(start + REFILL));
    }

    #[test]
    fn the_end_of_a_long_line_is_left_out() {
        let mut log = TaLog::new("test".into());
        log.take(&[b'x'; MAX_LINE * 2]);
        assert_eq!((log.line.len(), log.too_long), (MAX_LINE, true));
        log.take(b"\nnext");
        assert_eq!((&log.line[..], log.too_long), (&b"next"[..], false));
    }

    #[test]
    fn control_characters_are_taken_out() {
        assert_eq!(printable(b"a\x1b[2Jb\tc\r\xff"), "a\u{fffd}[2Jb c\u{fffd}\u{fffd}");
    }
}
