// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! In the making.
pub(crate) fn run() -> Result<(), integration::SceneError> {
    Ok(())
}
