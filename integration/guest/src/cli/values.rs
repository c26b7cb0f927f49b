// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What options of the command line can be.

use clap::ValueEnum;
use uuid::Uuid;

use crate::probe;

/// How a buffer is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Memory {
    /// The process's own memory, registered.
    Registered,
    /// Allocated by the driver.
    Allocated,
    /// The process's own memory, for one call.
    Temporary,
    /// The same as a user buffer, without being registered.
    UserBuffer,
    /// Registered, in shuffled pages.
    Scattered,
}

/// Where the pages of a buffer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Allocated by the driver in one piece.
    Contiguous,
    /// Registered, in shuffled pages.
    Scattered,
}

/// What a TA does while it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// Sleeps, and can be cancelled.
    Sleep,
    /// Sleeps, and cannot.
    Masked,
    /// Computes for ever.
    Spin,
}

/// A UUID or a TA's name.
pub(super) fn ta(text: &str) -> Result<Uuid, String> {
    if let Some((_, uuid)) = probe::NAMES.iter().find(|(name, _)| *name == text) {
        return Ok(*uuid);
    }
    text.parse().map_err(|error| format!("neither a TA's name nor a UUID ({error})"))
}

/// A number, also with 0x before it.
pub(super) fn number(text: &str) -> Result<u32, String> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .map_err(|error| error.to_string())
}

/// A number of bytes, with k, M or G for 2¹⁰, 2²⁰ or 2³⁰ of them.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k') => (&text[..text.len() - 1], 10),
        Some(b'M') => (&text[..text.len() - 1], 20),
        Some(b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: usize = digits.parse().map_err(|error| format!("{error}"))?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tas_have_names() {
        assert_eq!(ta("probe"), Ok(probe::PROBE));
        assert_eq!(ta("355ca50a-8cb4-4de0-a633-59e17afc16fb"), Ok(probe::PROBE));
        assert!(ta("prob").is_err());
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!((size("17"), size("4k"), size("64M")), (Ok(17), Ok(4096), Ok(64 << 20)));
        assert!(size("").is_err() && size("M").is_err() && size("99999999999G").is_err());
        assert_eq!((number("13"), number("0xd")), (Ok(13), Ok(13)));
    }
}
