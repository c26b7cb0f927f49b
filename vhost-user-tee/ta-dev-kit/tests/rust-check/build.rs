// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Writes `user_ta_header.rs`: the TA's header, which the loader reads, and its properties.
//!
//! `optee_utee_build::build` would also link for OP-TEE, so only its generator is used.

use std::path::Path;
use std::{env, fs};

use optee_utee_build::{Error, HeaderFileGenerator, PropertyValue, TaConfig};

fn main() -> Result<(), Error> {
    let uuid = include_str!("uuid.txt").trim();
    // Version and description are Cargo.toml's.
    let config = TaConfig::new_default_with_cargo_env(uuid)?
        .ta_data_size(1024 * 1024)
        .ta_stack_size(64 * 1024)
        .add_ext_property("check.bool", PropertyValue::Bool(true))
        .add_ext_property("check.u32", PropertyValue::U32(42))
        .add_ext_property("check.u64", PropertyValue::U64(1 << 40))
        .add_ext_property("check.text", PropertyValue::Str("some text".into()))
        // "some bytes", in base64.
        .add_ext_property("check.block", PropertyValue::BinaryBlock("c29tZSBieXRlcw==".into()))
        .add_ext_property("check.uuid", PropertyValue::Uuid(uuid.try_into()?))
        // TEE_LOGIN_GROUP.
        .add_ext_property("check.identity", PropertyValue::Identity(2, uuid.try_into()?));

    // The generator's names of own properties are strings of unsigned bytes, as C has them on arm64 only.
    let header =
        HeaderFileGenerator::new().generate(&config)?.replace("\\0\".as_ptr(),", "\\0\".as_ptr().cast(),");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("user_ta_header.rs"), header)?;
    Ok(())
}
