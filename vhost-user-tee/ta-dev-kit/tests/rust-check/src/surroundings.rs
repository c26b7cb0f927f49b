// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Time, random numbers, properties, traces, and what else a TA finds around it.

use std::ffi::CString;

use optee_utee::property::*;
use optee_utee::trace::Trace;
use optee_utee::{
    define_property_key, raw, trace_print, trace_println, Error, ErrorKind, Identity, LoadablePlugin,
    LoginType, Random, Result, Time, Uuid,
};

use crate::{check, fails, UUID};

fn millis(time: &Time) -> u64 {
    u64::from(time.seconds) * 1000 + u64::from(time.millis)
}

pub(crate) fn time_and_random() -> Result<()> {
    let (mut before, mut after, mut day) = (Time::new(), Time::default(), Time::new());
    before.system_time();
    Time::wait(2)?;
    after.system_time();
    day.ree_time();
    check(millis(&after) >= millis(&before) + 2 && day.seconds > 1_700_000_000)?;
    let mut random = [0; 32];
    Random::generate(&mut random);
    check(random != [0; 32])
}

/// The TA's own time, which nobody has set yet.
pub(crate) fn persistent_time() -> Result<()> {
    let mut time = Time::new();
    fails(time.ta_time(), ErrorKind::TimeNotSet)?;
    let set = Time { seconds: 1_000_000, millis: 7 };
    check(set.to_string() == "(second: 1000000, millisecond: 7)")?;
    set.set_ta_time()?;
    Time::wait(2)?;
    time.ta_time()?;
    check((millis(&set) + 2..millis(&set) + 3_600_000).contains(&millis(&time)))
}

pub(crate) fn properties() -> Result<()> {
    check(TaAppId.get()?.to_string() == UUID.trim())?;
    check(!TaSingleInstance.get()? && !TaMultiSession.get()? && !TaInstanceKeepAlive.get()?)?;
    check(!TaInstanceKeepCrashed.get()? && !TaDoesNotCloseHandleOnCorruptObject.get()?)?;
    check(TaDataSize.get()? == 1024 * 1024 && TaStackSize.get()? == 64 * 1024 && TaEndian.get()? == 0)?;
    check(TaVersion.get()? == env!("CARGO_PKG_VERSION"))?;
    check(TaDescription.get()? == env!("CARGO_PKG_DESCRIPTION"))?;
    check(ClientEndian.get()? == 0 && client()?.0 == LoginType::Public)
}

/// Who calls.
pub(crate) fn client() -> Result<(LoginType, String)> {
    let client = ClientIdentity.get()?;
    Ok((client.login_type(), client.uuid().to_string()))
}

/// What the TEE says of itself.
pub(crate) fn tee() -> Result<()> {
    check(TeeApiVersion.get()?.starts_with("GPD-1.3") && TeeInternalCoreVersion.get()? >> 16 == 0x0103)?;
    check(!TeeDescription.get()?.is_empty() && TeeDeviceId.get()?.to_string() != UUID.trim())?;
    check(TeeSystemTimeProtectionLevel.get()? == 100 && TeeTaPersistentTimeProtectionLevel.get()? == 100)?;
    check(TeeArithMaxBigIntSize.get()? >= 2048)?;
    check(TeeCryptographyEcc.get()? && TeeCryptographyNist.get()? && TeeCryptographyIetf.get()?)?;
    check(!TeeCryptographyBsiR.get()? && !TeeCryptographyBsiT.get()? && !TeeCryptographyOcta.get()?)?;
    check(TeeTrustedStorageAntiRollbackProtectionLevel.get()? == 0)?;
    check(
        !TeeTrustedOsImplementationVersion.get()?.is_empty() && !TeeTrustedOsManufacturer.get()?.is_empty(),
    )?;
    TeeTrustedOsImplementationBinaryVersion.get()?;
    check(!TeeFirmwareImplementationVersion.get()?.is_empty() && !TeeFirmwareManufacturer.get()?.is_empty())?;
    TeeFirmwareImplementationBinaryVersion.get()?;
    // What OP-TEE does not have either.
    fails(TeeTrustedStoragePrivateRollbackProtection.get(), ErrorKind::ItemNotFound)?;
    fails(TeeTrustedStoragePersoRollbackProtection.get(), ErrorKind::ItemNotFound)?;
    fails(TeeTrustedStorageProtectedRollbackProtection.get(), ErrorKind::ItemNotFound)?;
    fails(TeeTrustedStorageRollbackDetectionProtectionLevel.get(), ErrorKind::ItemNotFound)?;
    fails(TeeEventMaxSources.get(), ErrorKind::ItemNotFound)
}

define_property_key!(Flag, CurrentTa, "check.bool", bool);
define_property_key!(Number, CurrentTa, "check.u32", u32);
define_property_key!(LongNumber, CurrentTa, "check.u64", u64);
define_property_key!(Text, CurrentTa, "check.text", String);
define_property_key!(Block, CurrentTa, "check.block", Vec<u8>);
define_property_key!(Id, CurrentTa, "check.uuid", Uuid);
define_property_key!(Who, CurrentTa, "check.identity", Identity);
define_property_key!(Nothing, CurrentTa, "check.nothing", u32);
define_property_key!(Misread, CurrentTa, "check.text", bool);

/// Properties of the TA's own, of each type: build.rs has them.
pub(crate) fn own_properties() -> Result<()> {
    check(Flag.get()? && Number.get()? == 42 && LongNumber.get()? == 1 << 40)?;
    check(Text.get()? == "some text" && Block.get()? == b"some bytes")?;
    check(Id.get()?.to_string() == UUID.trim())?;
    let who = Who.get()?;
    check(who.login_type() == LoginType::Group && who.uuid().to_string() == UUID.trim())?;
    fails(Nothing.get(), ErrorKind::ItemNotFound)?;
    fails(Misread.get(), ErrorKind::BadFormat)?;
    // What `get` is made of.
    check(Number.key().as_c_str() == c"check.u32" && matches!(Number.set(), PropertySet::CurrentTa))?;
    // SAFETY: it is the handle of a set of properties.
    check(unsafe { u32::from_raw(raw::TEE_PROPSET_CURRENT_TA, Number.key()) }? == 42)
}

pub(crate) fn uuids_and_errors() -> Result<()> {
    let text = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    let bytes: [u8; 16] = core::array::from_fn(|at| at as u8);
    let raw = Uuid::new_raw(0x0001_0203, 0x0405, 0x0607, [8, 9, 10, 11, 12, 13, 14, 15]);
    for uuid in [Uuid::parse_str(text)?, Uuid::from_bytes(bytes), Uuid::from_slice(&bytes)?, raw] {
        check(uuid.to_string() == text)?;
        // SAFETY: it points into `uuid`.
        check(Uuid::from(unsafe { *uuid.as_raw_ptr() }).to_string() == text)?;
    }
    fails(Uuid::parse_str("no uuid"), ErrorKind::BadFormat)?;
    fails(Uuid::from_slice(&bytes[1..]), ErrorKind::BadFormat)?;

    let error = Error::from_raw_error(ErrorKind::Busy.into());
    check(error.kind() == ErrorKind::Busy && error.raw_code() == 0xffff_000d && error.origin().is_none())?;
    check(!error.message().is_empty() && error.to_string().contains("0xffff000d"))?;
    check(Error::new(ErrorKind::Unknown(7)).raw_code() == 7)
}

/// Traces; and the supplicant's plug-ins, which there are none of here.
pub(crate) fn traces_and_plug_ins() -> Result<()> {
    let level = Trace::get_level();
    Trace::set_level(1);
    check(Trace::get_level() == 1)?;
    Trace::set_level(level);
    trace_print!("of {} ", "two");
    trace_println!("parts");

    let plug_in = LoadablePlugin::new(&Uuid::parse_str(UUID.trim())?);
    fails(plug_in.invoke(1, 2, b"data"), ErrorKind::NotSupported)?;
    let mut command = plug_in.invoke_with_capacity(1, 2, 8);
    command.write_body(b"da");
    fails(command.chain_write_body(b"ta").call(), ErrorKind::NotSupported)
}
