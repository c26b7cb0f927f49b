// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Digests, and operations with a secret key.

use optee_utee::{
    is_algorithm_supported, raw, AlgorithmId, Cipher, Digest, ElementId, ErrorKind, Mac, OpHandle,
    OperationInfo, OperationInfoMultiple, OperationMode, Result, TransientObjectType, AE,
};

use crate::{check, fails, key};

pub(crate) fn digests() -> Result<()> {
    let digest = Digest::allocate(AlgorithmId::Sha256)?;
    digest.update(b"a");
    let mut copy = Digest::allocate(AlgorithmId::Sha256)?;
    copy.copy(&digest);
    let (mut first, mut second) = ([0; 32], [0; 32]);
    check(digest.do_final(b"bc", &mut first)? == 32)?;
    check(copy.do_final(b"bc", &mut second)? == 32)?;
    // FIPS 180-4, "abc".
    check(first == second && first[..4] == [0xba, 0x78, 0x16, 0xbf])?;
    copy.update(b"what is forgotten");
    copy.reset();
    check(copy.do_final(b"abc", &mut second)? == 32 && first == second)?;
    check(copy.info().key_size() == 0 && copy.info().max_key_size() == 0 && !copy.handle().is_null())?;
    // It says that there is no room, whatever there is.
    fails(copy.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    let none = ElementId::ElementNone as u32;
    is_algorithm_supported(AlgorithmId::Sha256 as u32, none)?;
    check(is_algorithm_supported(AlgorithmId::IllegalValue as u32, none).is_err())
}

pub(crate) fn ciphers() -> Result<()> {
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
    let mut decrypt = cipher(OperationMode::Decrypt)?;
    check(decrypt.do_final(&hidden, &mut plain)? == 20)?;
    check(hidden != plain && plain == [5; 20])?;
    // A copy is as far as its original.
    let begun = cipher(OperationMode::Decrypt)?;
    check(begun.update(&hidden[..3], &mut plain)? == 3)?;
    decrypt.copy(&begun);
    check(decrypt.do_final(&hidden[3..], &mut plain)? == 17 && plain[..17] == [5; 17])?;
    fails(decrypt.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    check(decrypt.info().key_size() == 128 && decrypt.info().max_key_size() == 128)
}

/// AES-XTS, which takes two keys.
pub(crate) fn two_keys() -> Result<()> {
    let (first, second) =
        (key(TransientObjectType::Aes, 128, &[1; 16])?, key(TransientObjectType::Aes, 128, &[2; 16])?);
    let xts = |mode, input: &[u8; 32]| -> Result<[u8; 32]> {
        let cipher = Cipher::allocate(AlgorithmId::AesXts, mode, 256)?;
        cipher.set_key_2(&first, &second)?;
        cipher.init(&[3; 16]);
        let mut output = [0; 32];
        check(cipher.do_final(input, &mut output)? == 32)?;
        Ok(output)
    };
    let hidden = xts(OperationMode::Encrypt, &[9; 32])?;
    check(hidden[..16] != hidden[16..] && xts(OperationMode::Decrypt, &hidden)? == [9; 32])?;
    // The same key twice is no XTS.
    let cipher = Cipher::allocate(AlgorithmId::AesXts, OperationMode::Encrypt, 256)?;
    fails(cipher.set_key_2(&first, &first), ErrorKind::Security)?;
    cipher.set_key_2(&first, &second)?;
    raw_information(&cipher)
}

/// What the API says of an operation with two keys, in the library's types.
fn raw_information(cipher: &Cipher) -> Result<()> {
    // SAFETY: numbers, which zeros are.
    let mut info: raw::TEE_OperationInfo = unsafe { core::mem::zeroed() };
    // SAFETY: the operation is there, and `info` to be written.
    unsafe { raw::TEE_GetOperationInfo(cipher.handle(), &mut info) };
    let info = OperationInfo::from_raw(info);
    check(info.key_size() == 0 && info.max_key_size() == cipher.info().max_key_size())?;
    // Eight numbers, and two for each key.
    let mut room = [0_u64; 6];
    let (start, mut size) = (room.as_mut_ptr().cast(), size_of_val(&room));
    // SAFETY: the operation is there, and `size` bytes from `start` on to be written.
    let ret = unsafe { raw::TEE_GetOperationInfoMultiple(cipher.handle(), start, &mut size) };
    let info = OperationInfoMultiple::from_raw(start, size);
    check(ret == raw::TEE_SUCCESS && info.raw() == start && info.size() == size_of_val(&room))?;
    // SAFETY: it is in `room`, and has been written.
    check(unsafe { (*info.raw()).numberOfKeys } == 2)
}

pub(crate) fn macs() -> Result<()> {
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
    fails(mac.compare_final(b"ba", &code), ErrorKind::MacInvalid)?;
    // A copy takes over the key and what has gone in; a reset operation keeps its key.
    mac.init(&[]);
    mac.update(b"a");
    let mut copy = Mac::allocate(AlgorithmId::HmacSha256, 256)?;
    copy.copy(&mac);
    copy.compare_final(b"b", &code)?;
    copy.init(&[]);
    copy.update(b"what is forgotten");
    copy.reset();
    copy.init(&[]);
    copy.compare_final(b"ab", &code)?;
    fails(copy.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    check(copy.info().key_size() == 256 && copy.info().max_key_size() == 256)
}

pub(crate) fn authenticated() -> Result<()> {
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
    // In pieces; and from a copy in the middle.
    let mut pieces = [0; 16];
    let mut encrypt = operation(OperationMode::Encrypt)?;
    let written = encrypt.update(b"sixteen ", &mut pieces)?;
    let mut copy = AE::allocate(AlgorithmId::AesGcm, OperationMode::Encrypt, 256)?;
    copy.copy(&encrypt);
    for end in [&encrypt, &copy] {
        let mut rest = [0; 16];
        let (len, _) = end.encrypt_final(b"letters.", &mut rest, &mut tag)?;
        check(written + len == 16 && rest[..len] == hidden[written..])?;
    }
    check(pieces[..written] == hidden[..written])?;
    encrypt.reset();
    fails(encrypt.info_multiple(&mut [0; 128]), ErrorKind::ShortBuffer)?;
    check(encrypt.info().key_size() == 256 && encrypt.info().max_key_size() == 256)?;
    tag[0] ^= 1;
    let refused = operation(OperationMode::Decrypt)?.decrypt_final(&hidden, &mut plain, &tag);
    fails(refused, ErrorKind::MacInvalid)
}
