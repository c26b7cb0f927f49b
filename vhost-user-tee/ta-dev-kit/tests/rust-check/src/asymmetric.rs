// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Operations with a pair of keys, and derivation of keys.

use optee_utee::{
    AlgorithmId, Asymmetric, Attribute, AttributeId, AttributeMemref, AttributeValue, DeriveKey, ElementId,
    ErrorKind, GenericObject, OperationMode, Result, TransientObject, TransientObjectType,
};

use crate::{check, fails};

pub(crate) fn asymmetric() -> Result<()> {
    let pair = TransientObject::allocate(TransientObjectType::RsaKeypair, 1024)?;
    pair.generate_key(1024, &[])?;
    let operation = |algorithm, mode| -> Result<Asymmetric> {
        let mut operation = Asymmetric::allocate(algorithm, mode, 1024)?;
        operation.set_key(&pair)?;
        Ok(operation)
    };
    let none: [Attribute; 0] = [];
    let mut signature = [0; 128];
    let sign = operation(AlgorithmId::RsassaPkcs1V15Sha256, OperationMode::Sign)?;
    check(sign.sign_digest(&none, &[4; 32], &mut signature)? == 128)?;
    let verify = operation(AlgorithmId::RsassaPkcs1V15Sha256, OperationMode::Verify)?;
    verify.verify_digest(&none, &[4; 32], &signature)?;
    let wrong = verify.verify_digest(&none, &[5; 32], &signature);
    fails(wrong, ErrorKind::SignatureInvalid)?;
    let mut copy = Asymmetric::allocate(AlgorithmId::RsassaPkcs1V15Sha256, OperationMode::Verify, 1024)?;
    copy.copy(&verify);
    copy.verify_digest(&none, &[4; 32], &signature)?;
    fails(copy.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    check(copy.info().key_size() == 1024 && copy.info().max_key_size() == 1024)?;
    let hidden = operation(AlgorithmId::RsaesPkcs1V15, OperationMode::Encrypt)?.encrypt(&none, b"word")?;
    let plain = operation(AlgorithmId::RsaesPkcs1V15, OperationMode::Decrypt)?.decrypt(&none, &hidden)?;
    check(plain == b"word")?;
    // Parameters of both kinds: a label, and the length of the salt.
    let label: [Attribute; 1] = [AttributeMemref::from_ref(AttributeId::RsaOaepLabel, b"label").into()];
    let oaep = |mode| operation(AlgorithmId::RsaesPkcs1OAepMgf1Sha256, mode);
    let hidden = oaep(OperationMode::Encrypt)?.encrypt(&label, b"word")?;
    check(oaep(OperationMode::Decrypt)?.decrypt(&label, &hidden)? == b"word")?;
    check(oaep(OperationMode::Decrypt)?.decrypt(&none, &hidden).is_err())?;
    let salt: [Attribute; 1] = [AttributeValue::from_value(AttributeId::RsaPssSaltLength, 20, 0).into()];
    let pss = |mode| operation(AlgorithmId::RsassaPkcs1PssMgf1Sha256, mode);
    let len = pss(OperationMode::Sign)?.sign_digest(&salt, &[4; 32], &mut signature)?;
    pss(OperationMode::Verify)?.verify_digest(&salt, &[4; 32], &signature[..len])
}

/// Keys on a curve, which is an attribute that is a value.
pub(crate) fn curves() -> Result<()> {
    let curve = |of: ElementId| -> Attribute {
        AttributeValue::from_value(AttributeId::EccCurve, of as u32, 0).into()
    };
    let pair = TransientObject::allocate(TransientObjectType::EcdsaKeypair, 256)?;
    pair.generate_key(256, &[curve(ElementId::EccCurveNistP256)])?;
    check(pair.value_attribute(AttributeId::EccCurve as u32)?.0 == ElementId::EccCurveNistP256 as u32)?;
    let operation = |mode| -> Result<Asymmetric> {
        let mut operation = Asymmetric::allocate(AlgorithmId::EcDsaSha256, mode, 256)?;
        operation.set_key(&pair)?;
        Ok(operation)
    };
    let mut signature = [0; 64];
    check(operation(OperationMode::Sign)?.sign_digest(&[], &[8; 32], &mut signature)? == 64)?;
    operation(OperationMode::Verify)?.verify_digest(&[], &[8; 32], &signature)?;

    let pair = TransientObject::allocate(TransientObjectType::Ed25519Keypair, 256)?;
    pair.generate_key(256, &[])?;
    let operation = |mode| -> Result<Asymmetric> {
        let mut operation = Asymmetric::allocate(AlgorithmId::Ed25519, mode, 256)?;
        operation.set_key(&pair)?;
        Ok(operation)
    };
    check(operation(OperationMode::Sign)?.sign_digest(&[], b"message", &mut signature)? == 64)?;
    operation(OperationMode::Verify)?.verify_digest(&[], b"message", &signature)
}

/// RFC 2409, section 6.1.
const PRIME: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                     ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff";

pub(crate) fn derivation() -> Result<()> {
    let digit = |at: usize| u8::from_str_radix(&PRIME[at..at + 2], 16);
    let prime: Vec<u8> = (0..PRIME.len()).step_by(2).filter_map(|at| digit(at).ok()).collect();
    let pair = || -> Result<TransientObject> {
        let pair = TransientObject::allocate(TransientObjectType::DhKeypair, 768)?;
        let group = [
            AttributeMemref::from_ref(AttributeId::DhPrime, &prime).into(),
            AttributeMemref::from_ref(AttributeId::DhBase, &[2]).into(),
        ];
        pair.generate_key(768, &group)?;
        Ok(pair)
    };
    // What both sides find is the same.
    let (ours, theirs) = (pair()?, pair()?);
    let shared = |own: &TransientObject, other: &TransientObject| -> Result<Vec<u8>> {
        let mut public = [0; 96];
        let size = other.ref_attribute(AttributeId::DhPublicValue, &mut public)?;
        let mut operation = DeriveKey::allocate(AlgorithmId::DhDeriveSharedSecret, 768)?;
        operation.set_key(own)?;
        let mut secret = TransientObject::allocate(TransientObjectType::GenericSecret, 768)?;
        operation.derive(
            &[AttributeMemref::from_ref(AttributeId::DhPublicValue, &public[..size]).into()],
            &mut secret,
        );
        let mut bytes = vec![0; 96];
        let size = secret.ref_attribute(AttributeId::SecretValue, &mut bytes)?;
        bytes.truncate(size);
        Ok(bytes)
    };
    check(shared(&ours, &theirs)? == shared(&theirs, &ours)?)?;

    // RFC 6070, the first of its tests; with an operation that is the copy of another.
    let mut password = TransientObject::allocate(TransientObjectType::Pbkdf2Password, 512)?;
    password.populate(&[AttributeMemref::from_ref(AttributeId::Pbkdf2Password, b"password").into()])?;
    let mut original = DeriveKey::allocate(AlgorithmId::Pbkdf2HmacSha1, 512)?;
    original.set_key(&password)?;
    let mut operation = DeriveKey::allocate(AlgorithmId::Pbkdf2HmacSha1, 512)?;
    operation.copy(&original);
    fails(operation.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    check(operation.info().key_size() == 64 && operation.info().max_key_size() == 512)?;
    let mut derived = TransientObject::allocate(TransientObjectType::GenericSecret, 160)?;
    let params = [
        AttributeMemref::from_ref(AttributeId::Pbkdf2Salt, b"salt").into(),
        AttributeValue::from_value(AttributeId::Pbkdf2IterationCount, 1, 0).into(),
        AttributeValue::from_value(AttributeId::Pbkdf2DkmLength, 20, 0).into(),
    ];
    operation.derive(&params, &mut derived);
    let mut bytes = [0; 20];
    check(derived.ref_attribute(AttributeId::SecretValue, &mut bytes)? == 20)?;
    check(bytes[..4] == [0x0c, 0x60, 0xc8, 0x0f] && bytes[16..] == [0x2f, 0xe0, 0x37, 0xa6])
}
