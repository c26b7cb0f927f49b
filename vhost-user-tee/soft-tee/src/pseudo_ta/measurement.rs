// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What is measured: files, by their SHA-256.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;

use openssl::error::ErrorStack;
use openssl::sha::{sha256, Sha256};
use rustix::io::{pread, Errno};

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// Why nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file cannot be read.
    #[error("measurement: {0}")]
    Read(#[from] io::Error),
    /// No signature, or no key for one.
    #[error("signature of a measurement: {0}")]
    Crypto(#[from] ErrorStack),
}

/// The programs that this TEE consists of: the daemon's and the runtime of TAs. Measured when first asked for, which
/// takes as long as reading them; the files are those that there were when the TEE was made.
pub(crate) struct Measurement {
    programs: Vec<File>,
    digest: OnceLock<Digest>,
}

impl Measurement {
    /// Of these programs, in this order.
    pub(crate) fn new(programs: Vec<File>) -> Self {
        Self { programs, digest: OnceLock::new() }
    }

    /// SHA-256 of the SHA-256 of each program, one after the other.
    pub(crate) fn digest(&self) -> Result<Digest, Error> {
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let programs = self.programs.iter().map(of_file).collect::<Result<Vec<_>, _>>()?;
        Ok(*self.digest.get_or_init(|| sha256(&programs.concat())))
    }
}

/// SHA-256 of a file.
pub(crate) fn of_file(file: impl AsFd) -> Result<Digest, Error> {
    let mut sha = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    let mut at = 0;
    loop {
        match pread(&file, &mut piece, at) {
            Ok(0) => return Ok(sha.finish()),
            Ok(len) => {
                sha.update(&piece[..len]);
                at += len as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(Error::Read(error.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_measurement_is_that_of_each_program_in_turn() {
        let file = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            file
        };
        let long = vec![7; 100_000];
        let measurement = Measurement::new(vec![file(b"one"), file(&long)]);
        let expected = sha256(&[sha256(b"one"), sha256(&long)].concat());
        assert_eq!(measurement.digest().unwrap(), expected);
        assert_eq!(measurement.digest().unwrap(), expected);
    }
}
