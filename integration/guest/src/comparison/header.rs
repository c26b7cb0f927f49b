// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Names and numbers of algorithms and types of objects: those of the TA dev kit's header.

const HEADER: &str = include_str!("../../../../vhost-user-tee/ta-dev-kit/include/gp/algorithms.h");

/// What the header defines as a number under names that begin with `prefix`, without that prefix.
pub(super) fn defined(prefix: &str) -> Vec<(&'static str, u32)> {
    HEADER
        .lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix("#define ")?.split_whitespace();
            let name = words.next()?.strip_prefix(prefix)?;
            let value = u32::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
            Some((name, value))
        })
        .collect()
}

/// Algorithms of symmetric keys and of none. What has key pairs, and what derives keys, is not compared yet.
pub(super) fn symmetric_algorithms() -> Vec<(&'static str, u32)> {
    let mut algorithms = defined("TEE_ALG_");
    algorithms.retain(|(_, algorithm)| (1..=5).contains(&(algorithm >> 28)));
    algorithms
}

/// Types of objects that hold one secret, and those that are no keys.
pub(super) fn secret_types() -> Vec<(&'static str, u32)> {
    let mut types = defined("TEE_TYPE_");
    types.retain(|(name, kind)| kind >> 24 == 0xA0 && !name.ends_with("PUBLIC_KEY") && *name != "HKDF");
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_read() {
        assert!(defined("TEE_ALG_").contains(&("AES_CTR", 0x1000_0210)));
        assert!(defined("TEE_TYPE_").contains(&("RSA_KEYPAIR", 0xA100_0030)));
        assert!(defined("TEE_ALG_").len() > 90 && defined("TEE_TYPE_").len() > 35);
    }
}
