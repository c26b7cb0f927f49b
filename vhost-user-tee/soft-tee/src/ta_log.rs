// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What TAs print, on its way to the daemon's log: in lines, harmless, and not too many, but for the TA of a
//! developer who looks into it.

use std::sync::Arc;

use ta_protocol::log_line;

use crate::ration::Rations;

/// Longest line, in bytes; the rest of one is left out.
const MAX_LINE: usize = 512;

/// Cuts what one instance prints into lines and logs them.
pub(crate) struct TaLog {
    vm: String,
    /// Who prints.
    name: String,
    line: Vec<u8>,
    too_long: bool,
    /// What the VM's TAs may print; none where all that it prints is wanted.
    rations: Option<Arc<Rations>>,
}

impl TaLog {
    /// Logs in the name of TA `name` of `vm`, what is too much left out.
    pub(crate) fn new(vm: &str, name: &str, rations: Arc<Rations>) -> Self {
        Self { rations: Some(rations), ..Self::unrationed(vm, name) }
    }

    /// Logs in the name of TA `name` of `vm` all that it prints.
    pub(crate) fn unrationed(vm: &str, name: &str) -> Self {
        Self { vm: vm.into(), name: name.into(), line: Vec::new(), too_long: false, rations: None }
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
        if let Some(refused) = self.rations.as_ref().and_then(|rations| rations.printed().take_refused()) {
            self.say_refused(refused);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let too_long = std::mem::take(&mut self.too_long);
        let (level, text) = log_line::parse(&line);
        let level = log_level(level);
        if !log::log_enabled!(target: "ta", level) {
            // It takes no other TA's place.
            return;
        }
        let may = self.rations.as_ref().map_or(Some(0), |rations| rations.printed().take());
        let Some(refused) = may else { return };
        if refused > 0 {
            self.say_refused(refused);
        }
        let more = if too_long { "…" } else { "" };
        log::log!(target: "ta", level, "{}: {}: {}{more}", self.vm, self.name, printable(text));
    }

    fn say_refused(&self, refused: u64) {
        log::warn!(target: "ta", "{}: {refused} lines of TAs left out: they print too fast", self.vm);
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
        let mut log = TaLog::unrationed("vm", "test");
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
