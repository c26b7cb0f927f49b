// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Calls what `optee-utee` has, a command for each part; soft-tee's test `ta_dev_kit` asks for all of them. A
//! command succeeds where all is as it must be.

use optee_utee::prelude::*;
use optee_utee::property::{
    PropertyKey, TaAppId, TaDataSize, TaSingleInstance, TaVersion, TeeInternalCoreVersion,
};
use optee_utee::{
    AlgorithmId, Asymmetric, Attribute, AttributeId, AttributeMemref, BigInt, BigIntFMM, BigIntFMMContext,
    Cipher, DeriveKey, Digest, ErrorKind, GenericObject, Mac, OperationMode, Random, Result,
    TaSessionBuilder, TeeParams, Time, TransientObject, TransientObjectType, Uuid, AE,
};

/// The TA's own UUID, as text.
const UUID: &str = include_str!("../uuid.txt");

const PARTS: [fn() -> Result<()>; 11] = [
    digests,
    ciphers,
    macs,
    authenticated,
    asymmetric,
    derivation,
    objects,
    arithmetic,
    time_and_random,
    properties,
    sessions,
];

/// An error where `condition` does not hold.
fn check(condition: bool) -> Result<()> {
    if condition {
        Ok(())
    } else {
        Err(ErrorKind::Generic.into())
    }
}

fn key(of: TransientObjectType, bits: usize, secret: &[u8]) -> Result<TransientObject> {
    let mut key = TransientObject::allocate(of, bits)?;
    key.populate(&[AttributeMemref::from_ref(AttributeId::SecretValue, secret).into()])?;
    Ok(key)
}

fn digests() -> Result<()> {
    let digest = Digest::allocate(AlgorithmId::Sha256)?;
    digest.update(b"a");
    let mut copy = Digest::allocate(AlgorithmId::Sha256)?;
    copy.copy(&digest);
    let (mut first, mut second) = ([0; 32], [0; 32]);
    check(digest.do_final(b"bc", &mut first)? == 32)?;
    check(copy.do_final(b"bc", &mut second)? == 32)?;
    // FIPS 180-4, "abc".
    check(first == second && first[..4] == [0xba, 0x78, 0x16, 0xbf])
}

fn ciphers() -> Result<()> {
    let key = key(TransientObjectType::Aes, 128, &[7; 16])?;
    let cipher = |mode| -> Result<Cipher> {
        let cipher = Cipher::allocate(AlgorithmId::AesCtr, mode, 128)?;
        cipher.set_key(&key)?;
        cipher.init(&[1; 16]);
        Ok(cipher)
    };
    let (mut hidden, mut plain) = ([0; 20], [0; 20]);
    let encrypt = cipher(OperationMode::Encrypt)?;
    let written = encrypt.update(&[5; 3], &mut hidden)?;
    check(written + encrypt.do_final(&[5; 17], &mut hidden[written..])? == 20)?;
    check(cipher(OperationMode::Decrypt)?.do_final(&hidden, &mut plain)? == 20)?;
    check(hidden != plain && plain == [5; 20])
}

fn macs() -> Result<()> {
    let key = key(TransientObjectType::HmacSha256, 256, &[9; 32])?;
    let mac = Mac::allocate(AlgorithmId::HmacSha256, 256)?;
    mac.set_key(&key)?;
    let mut code = [0; 32];
    mac.init(&[]);
    mac.update(b"a");
    check(mac.compute_final(b"b", &mut code)? == 32)?;
    mac.init(&[]);
    mac.compare_final(b"ab", &code)?;
    mac.init(&[]);
    check(mac.compare_final(b"ba", &code).is_err_and(|error| error.kind() == ErrorKind::MacInvalid))
}

fn authenticated() -> Result<()> {
    let key = key(TransientObjectType::Aes, 256, &[3; 32])?;
    let operation = |mode| -> Result<AE> {
        let operation = AE::allocate(AlgorithmId::AesGcm, mode, 256)?;
        operation.set_key(&key)?;
        operation.init(&[2; 12], 128, 4, 16)?;
        operation.update_aad(b"head");
        Ok(operation)
    };
    let (mut hidden, mut tag, mut plain) = ([0; 16], [0; 16], [0; 16]);
    let sizes =
        operation(OperationMode::Encrypt)?.encrypt_final(b"sixteen letters.", &mut hidden, &mut tag)?;
    check(sizes == (16, 16))?;
    check(operation(OperationMode::Decrypt)?.decrypt_final(&hidden, &mut plain, &tag)? == 16)?;
    check(&plain == b"sixteen letters.")?;
    tag[0] ^= 1;
    check(operation(OperationMode::Decrypt)?.decrypt_final(&hidden, &mut plain, &tag).is_err())
}

fn asymmetric() -> Result<()> {
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
    check(verify.verify_digest(&none, &[5; 32], &signature).is_err())?;
    let hidden = operation(AlgorithmId::RsaesPkcs1V15, OperationMode::Encrypt)?.encrypt(&none, b"word")?;
    let plain = operation(AlgorithmId::RsaesPkcs1V15, OperationMode::Decrypt)?.decrypt(&none, &hidden)?;
    check(plain == b"word")
}

/// RFC 2409, section 6.1.
const PRIME: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd\
                     ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a63a3620ffffffffffffffff";

fn derivation() -> Result<()> {
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
    check(shared(&ours, &theirs)? == shared(&theirs, &ours)?)
}

fn objects() -> Result<()> {
    let source = key(TransientObjectType::Aes, 128, &[6; 16])?;
    let mut copy = TransientObject::allocate(TransientObjectType::Aes, 128)?;
    copy.copy_attribute_from(&source)?;
    check(copy.info()?.object_size() == 128)?;
    let mut secret = [0; 16];
    check(copy.ref_attribute(AttributeId::SecretValue, &mut secret)? == 16 && secret == [6; 16])?;
    copy.reset();
    copy.generate_key(128, &[])
}

fn big(value: i32) -> BigInt {
    let mut number = BigInt::new(128);
    number.convert_from_s32(value);
    number
}

fn arithmetic() -> Result<()> {
    let (six, seven, modulus) = (big(6), big(7), big(41));
    check(BigInt::multiply(&six, &seven).convert_to_s32()? == 42)?;
    check(BigInt::add(&six, &seven).compare_s32(13) == 0 && BigInt::sub(&six, &seven).compare_s32(-1) == 0)?;
    let (quotient, rest) = BigInt::divide(&big(43), &six);
    check(quotient.compare_s32(7) == 0 && rest.compare_s32(1) == 0)?;
    check(BigInt::mul_mod(&six, &seven, &modulus).compare_s32(1) == 0)?;
    check(BigInt::inv_mod(&six, &modulus).compare_big_int(&seven) == 0)?;
    check(BigInt::relative_prime(&six, &seven) && modulus.is_probable_prime(80) == 1)?;
    check(big(0x1234).convert_to_octet_string()? == [0x12, 0x34])?;
    let context = || BigIntFMMContext::new(128, big(41));
    let mut form = BigIntFMM::new(128);
    form.convert_from_big_int(&six, &modulus, context()?);
    let mut back = BigInt::new(128);
    back.convert_to_big_int_from_fmm(&form, &modulus, context()?);
    check(back.compare_s32(6) == 0)
}

fn time_and_random() -> Result<()> {
    let (mut before, mut after, mut day) = (Time::new(), Time::new(), Time::new());
    before.system_time();
    Time::wait(2)?;
    after.system_time();
    day.ree_time();
    let millis = |time: &Time| u64::from(time.seconds) * 1000 + u64::from(time.millis);
    check(millis(&after) >= millis(&before) + 2 && day.seconds > 1_700_000_000)?;
    let mut random = [0; 32];
    Random::generate(&mut random);
    check(random != [0; 32])
}

fn properties() -> Result<()> {
    check(TaAppId.get()?.to_string() == UUID.trim())?;
    check(!TaSingleInstance.get()? && TaDataSize.get()? == 1024 * 1024)?;
    check(TaVersion.get()? == env!("CARGO_PKG_VERSION") && TeeInternalCoreVersion.get()? != 0)
}

/// A session with another instance of this TA, which has a process of its own.
fn sessions() -> Result<()> {
    let uuid = Uuid::parse_str(UUID.trim())?;
    let mut session = TaSessionBuilder::new(uuid).build()?;
    session.invoke_command(0, &mut TeeParams::new())?;
    let unknown = session.invoke_command(PARTS.len() as u32, &mut TeeParams::new());
    check(unknown.is_err_and(|error| error.kind() == ErrorKind::NotSupported))
}

/// A new instance.
#[ta_create]
fn create() -> Result<()> {
    Ok(())
}

/// A client wants a session.
#[ta_open_session]
fn open_session(_params: &mut ParametersNone) -> Result<()> {
    Ok(())
}

/// A client asks for one of [`PARTS`]; for one more, whether there is none.
#[ta_invoke_command]
fn invoke_command(command: u32, _params: &mut ParametersNone) -> Result<()> {
    match PARTS.get(command as usize) {
        Some(part) => part(),
        None => Err(ErrorKind::NotSupported.into()),
    }
}

/// A client has closed its session.
#[ta_close_session]
fn close_session() {}

/// The instance ends.
#[ta_destroy]
fn destroy() {}

// What build.rs wrote.
include!(concat!(env!("OUT_DIR"), "/user_ta_header.rs"));
