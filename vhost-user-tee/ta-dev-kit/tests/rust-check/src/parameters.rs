// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Commands with parameters, read and written in each of the ways that there are.

use optee_utee::prelude::*;
use optee_utee::{deprecated, raw, ErrorKind, ParamType, RawParams, Result};

use crate::{check, fails};

/// p0 value in (a, b), p1 value out: (b, a); p2 memref in, p3 memref out: its bytes, reversed.
pub(crate) fn in_and_out(params: &mut ParametersAny) -> Result<()> {
    let (a, b) = {
        let value = params.0.as_value_input()?;
        (value.get_a(), value.get_b())
    };
    let swapped = params.1.as_value_output()?;
    swapped.set_a(b);
    swapped.set_b(a);
    let mut bytes = params.2.as_memref_input()?.read_to_vec();
    bytes.reverse();
    params.3.as_memref_output()?.set_output(&bytes)
}

/// p0 value inout (a, b): (a + `opened_with`, b + 1); p1 memref inout: "abcd…" becomes "aCBd"; no more.
pub(crate) fn updates(params: &mut ParametersAny, opened_with: u32) -> Result<()> {
    let value = params.0.as_value_inout()?;
    value.set_a(value.get_a().wrapping_add(opened_with));
    value.set_b(value.get_b().wrapping_add(1));
    let memref = params.1.as_memref_inout()?;
    let mut two = [0; 2];
    check(memref.read_at(1, &mut two)? == 2)?;
    fails(memref.read_at(memref.buffer_len() + 1, &mut two), ErrorKind::BadParameters)?;
    two.reverse();
    two.make_ascii_uppercase();
    memref.write_at(1, two)?;
    fails(memref.write_at(memref.buffer_len(), [0]), ErrorKind::ShortBuffer)?;
    fails(memref.set_updated_size(memref.buffer_len() + 1), ErrorKind::ShortBuffer)?;
    memref.set_updated_size(4)?;
    params.2.as_none()?;
    params.3.as_none()
}

/// What a session is opened with: nothing, or p0 value in, whose `a` it is to remember.
pub(crate) fn opening(params: &mut deprecated::Parameters) -> Result<u32> {
    if matches!(params.0.param_type, ParamType::None) {
        return Ok(0);
    }
    // SAFETY: the parameter is what the client has passed.
    Ok(unsafe { params.0.as_value() }?.a())
}

/// The types that take raw parameters apart, which entry points use.
pub(crate) fn taken_apart() -> Result<()> {
    let mut bytes = *b"bytes";
    let mut params = raw_params(&mut bytes);
    let types = raw::TEE_PARAM_TYPES(
        raw::TEE_PARAM_TYPE_VALUE_INOUT,
        raw::TEE_PARAM_TYPE_MEMREF_INOUT,
        raw::TEE_PARAM_TYPE_NONE,
        raw::TEE_PARAM_TYPE_NONE,
    );
    type Typed<'a> = (ParameterValueInout<'a>, ParameterMemrefInout<'a>, ParameterNone, ParameterNone);
    // SAFETY: the parameters are of these types.
    let (mut value, mut memref, _, _) = unsafe { Typed::from_raw(types, &mut params) }?;
    value.set_a(value.get_b());
    check(memref.read_to_vec() == b"bytes")?;
    memref.set_output("text")?;
    // SAFETY: as above.
    check(unsafe { (params[0].value.a, params[1].memref.size) } == (2, 4) && &bytes == b"texts")?;
    {
        // SAFETY: the parameter is of this type.
        let mut memref =
            unsafe { ParameterMemrefInout::from_raw(raw::TEE_PARAM_TYPE_MEMREF_INOUT, &mut params[1]) }?;
        // SAFETY: there is as much.
        unsafe { memref.set_updated_size_unchecked(3) };
    }
    // SAFETY: a memref.
    check(unsafe { params[1].memref.size } == 3)?;
    // SAFETY: a type that does not fit is refused.
    fails(unsafe { ParametersNone::from_raw(types, &mut params) }.map(drop), ErrorKind::BadParameters)?;
    // SAFETY: what there is no such type of is looked at by nobody.
    let (mut unknown, ..) = unsafe { ParametersAny::from_raw(0xf, &mut params) }?;
    check(matches!(unknown, ParameterAny::Unknown(0xf, _)))?;
    fails(unknown.as_value_input().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_value_output().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_value_inout().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_memref_input().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_memref_output().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_memref_inout().map(drop), ErrorKind::BadParameters)?;
    fails(unknown.as_none(), ErrorKind::BadParameters)?;
    in_the_old_way(types)
}

/// The wrapper that came before.
fn in_the_old_way(types: u32) -> Result<()> {
    let mut bytes = *b"bytes";
    let mut params = raw_params(&mut bytes);
    let (first, ..) = deprecated::ParamTypes::from(types).into_flags();
    check(matches!(first, ParamType::ValueInout))?;
    let mut wrapped = deprecated::Parameters::from_raw(&mut params, types);
    check(!wrapped.0.raw().is_null())?;
    {
        // SAFETY: the parameter is one of `params`, a value.
        let mut value = unsafe { wrapped.0.as_value() }?;
        check((value.a(), value.b()) == (1, 2) && matches!(value.param_type(), ParamType::ValueInout))?;
        value.set_a(8);
        value.set_b(9);
    }
    {
        // SAFETY: the parameter is one of `params`, a memref.
        let mut memref = unsafe { wrapped.1.as_memref() }?;
        check(!memref.raw().is_null() && matches!(memref.param_type(), ParamType::MemrefInout))?;
        memref.buffer()[..4].copy_from_slice(b"text");
        memref.set_updated_size(4);
    }
    let mut alone = deprecated::Parameter::from_raw(wrapped.0.raw(), ParamType::ValueInput);
    // SAFETY: the parameter is one of `params`, a value.
    check(unsafe { alone.as_value() }?.a() == 8)?;
    // SAFETY: nothing is read of what is refused.
    fails(unsafe { wrapped.1.as_value() }.map(drop), ErrorKind::BadParameters)?;
    // SAFETY: as above.
    fails(unsafe { wrapped.0.as_memref() }.map(drop), ErrorKind::BadParameters)?;
    // SAFETY: a value and a memref.
    let (value, size) = unsafe { ((params[0].value.a, params[0].value.b), params[1].memref.size) };
    check(value == (8, 9) && size == 4 && &bytes == b"texts")
}

/// A value, (1, 2), and a memref to `bytes`.
fn raw_params(bytes: &mut [u8]) -> RawParams {
    let none = || raw::TEE_Param { value: raw::Value { a: 0, b: 0 } };
    let memref = raw::Memref { buffer: bytes.as_mut_ptr().cast(), size: bytes.len() };
    [raw::TEE_Param { value: raw::Value { a: 1, b: 2 } }, raw::TEE_Param { memref }, none(), none()]
}
