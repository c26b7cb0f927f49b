// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What there is to be covered, as the dev kit's list and headers have it.

use std::path::PathBuf;

use super::{read, GpCoverageError};
use crate::paths::workspace;

/// A function, an algorithm, or a type of key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// Its name in C.
    pub(super) name: String,
    /// Its number, where it has one.
    pub(super) number: Option<u32>,
}

impl Subject {
    /// What the records call it.
    pub(super) fn record(&self) -> String {
        self.number.map_or_else(|| self.name.clone(), |number| format!("{number:08x}"))
    }
}

/// Algorithms that the headers declare, as OP-TEE's do, and OP-TEE 4.5 does not offer: its
/// `TEE_AllocateOperation` has no case for them.
fn is_declared_only(name: &str) -> bool {
    let of_sha3 = name.contains("SHA3_") && !name.starts_with("TEE_ALG_SHA3_") && !name.contains("HMAC");
    of_sha3 || name.contains("MD5SHA1") || name.ends_with("_PKCS5") && name.contains("SM4")
}

/// Types of objects that keys are not generated for: public keys, data, and what keys are derived from.
fn is_not_generated(name: &str) -> bool {
    let given = ["HKDF", "HKDF_IKM", "CONCAT_KDF_Z", "PBKDF2_PASSWORD", "DATA", "CORRUPTED_OBJECT"];
    name.ends_with("_PUBLIC_KEY") || given.iter().any(|given| name.strip_prefix("TEE_TYPE_") == Some(given))
}

fn kit(file: &str) -> PathBuf {
    workspace().join("vhost-user-tee/ta-dev-kit").join(file)
}

/// All functions.
pub(super) fn functions() -> Result<Vec<Subject>, GpCoverageError> {
    let list = read(&kit("gp-functions.txt"))?;
    let names = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(names.map(|name| Subject { name: name.to_owned(), number: None }).collect())
}

/// All algorithms that OP-TEE offers.
pub(super) fn algorithms() -> Result<Vec<Subject>, GpCoverageError> {
    Ok(constants("TEE_ALG_")?.into_iter().filter(|subject| !is_declared_only(&subject.name)).collect())
}

/// All types of keys that can be generated.
pub(super) fn keys() -> Result<Vec<Subject>, GpCoverageError> {
    Ok(constants("TEE_TYPE_")?.into_iter().filter(|subject| !is_not_generated(&subject.name)).collect())
}

/// The numbers that the headers give to names with this prefix. Other names for the same are left out.
fn constants(prefix: &str) -> Result<Vec<Subject>, GpCoverageError> {
    let mut found = Vec::new();
    for header in ["include/gp/algorithms.h", "include/tee_api_defines_extensions.h"] {
        for line in read(&kit(header))?.lines() {
            let mut words = line.split_whitespace();
            let (Some("#define"), Some(name), Some(value)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            let number = value.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
            if number.is_some() && name.starts_with(prefix) && !name.ends_with("_ILLEGAL_VALUE") {
                found.push(Subject { name: name.to_owned(), number });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_op_tee_has() {
        let functions = functions().unwrap();
        let gp11 = functions.iter().filter(|function| function.name.starts_with("__GP11_")).count();
        // Three more are OP-TEE's own, for caches.
        assert_eq!((functions.len() - gp11, gp11), (131 + 3, 59));
        let names =
            |subjects: Vec<Subject>| -> Vec<String> { subjects.into_iter().map(|s| s.name).collect() };
        let algorithms = names(algorithms().unwrap());
        for name in ["TEE_ALG_AES_GCM", "TEE_ALG_SHA3_224", "TEE_ALG_HMAC_SHA3_512", "TEE_ALG_SM4_XTS"] {
            assert!(algorithms.iter().any(|algorithm| algorithm == name), "{name}");
        }
        assert!(!algorithms.iter().any(|name| name.contains("ECDSA_SHA3_") || name.contains("ILLEGAL")));
        assert!(names(keys().unwrap()).iter().any(|name| name == "TEE_TYPE_X448_KEYPAIR"));
    }
}
