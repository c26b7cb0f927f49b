// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! Where things are.

use std::path::{Path, PathBuf};

/// The checkout's root.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Holds everything that is downloaded or built for virtual machines, and what their runs leave.
pub fn vm_dir() -> PathBuf {
    workspace().join("target/vm")
}
