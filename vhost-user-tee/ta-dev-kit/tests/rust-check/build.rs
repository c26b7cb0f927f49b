// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Writes `user_ta_header.rs`: the TA's header, which the loader reads, and its properties.
//!
//! `optee_utee_build::build` would also link for OP-TEE, so only its generator is used.

use std::path::Path;
use std::{env, fs};

use optee_utee_build::{Error, HeaderFileGenerator, TaConfig};

fn main() -> Result<(), Error> {
    let uuid = include_str!("uuid.txt").trim();
    // Version and description are Cargo.toml's.
    let config =
        TaConfig::new_default_with_cargo_env(uuid)?.ta_data_size(1024 * 1024).ta_stack_size(64 * 1024);

    let header = HeaderFileGenerator::new().generate(&config)?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("user_ta_header.rs"), header)?;
    Ok(())
}
