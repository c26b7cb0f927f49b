// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! How a line on a TA process's stderr tells its level: `<N>text` with the numbers that syslog has,
//! which a C program can print as easily. A line without is at [`DEFAULT`].

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// syslog's `LOG_ERR`; OP-TEE's `EMSG`.
    Error = 3,
    /// syslog's `LOG_WARNING`.
    Warn = 4,
    /// syslog's `LOG_INFO`; OP-TEE's `IMSG`.
    Info = 6,
    /// syslog's `LOG_DEBUG`; OP-TEE's `DMSG`.
    Debug = 7,
    /// Finer than debugging; OP-TEE's `FMSG`.
    Trace = 8,
}

/// The level of a line that tells none.
pub const DEFAULT: Level = Level::Info;

/// One line, ready to be written.
pub fn format(level: Level, text: &str) -> String {
    format!("<{}>{text}\n", level as u8)
}

/// The level of a line, and what is left of it.
pub fn parse(line: &[u8]) -> (Level, &[u8]) {
    let [b'<', digit, b'>', text @ ..] = line else { return (DEFAULT, line) };
    let level = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace]
        .into_iter()
        .find(|level| *level as u8 + b'0' == *digit);
    level.map_or((DEFAULT, line), |level| (level, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back() {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
            let line = format(level, "a <b> c");
            assert_eq!(parse(line.trim_end().as_bytes()), (level, &b"a <b> c"[..]));
        }
    }

    #[test]
    fn lines_without_a_level_are_kept_whole() {
        for line in ["", "<", "<3", "<9>x", "<x>y", "plain"] {
            assert_eq!(parse(line.as_bytes()), (DEFAULT, line.as_bytes()));
        }
    }
}
