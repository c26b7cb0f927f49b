// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What TAs print, on its way to the daemon's log: in lines, harmless, and not too many, but for the TA of a
//! developer who looks into it.

use std::time::Duration;

use ta_protocol::log_line;

use crate::ration::Ration;

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
    /// None where all that it prints is wanted.
    ration: Option<Ration>,
}

impl TaLog {
    /// Logs in the name of `name`, what is too much left out.
    pub(crate) fn new(name: String) -> Self {
        Self { ration: Some(Ration::new(BURST, REFILL)), ..Self::unrationed(name) }
    }

    /// Logs in the name of `name` all that it prints.
    pub(crate) fn unrationed(name: String) -> Self {
        Self { name, line: Vec::new(), too_long: false, ration: None }
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
        let refused = self.ration.as_mut().map_or(0, Ration::take_refused);
        self.say_refused(refused);
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        let Some(refused) = self.ration.as_mut().map_or(Some(0), Ration::take) else { return };
        self.say_refused(refused);
        let (level, text) = log_line::parse(&line);
        let more = if too_long { "…" } else { "" };
        log::log!(target: "ta", log_level(level), "{}: {}{more}", self.name, printable(text));
    }

    fn say_refused(&self, refused: u64) {
        if refused > 0 {
            log::warn!(target: "ta", "{}: {refused} lines left out: it prints too fast", self.name);
        }
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

/// `text` without what could steer a terminal, or look like a line of its own, and not too long.
pub(crate) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(MAX_LINE)])
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
