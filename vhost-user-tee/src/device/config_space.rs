// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! The configuration space.

use tee::Version;
use virtio_tee_spec as wire;
use zerocopy::IntoBytes;

use super::memory::page_size;
use crate::partition::Limits;

/// Describes the device to the driver.
pub(super) fn describe(version: &Version, limits: &Limits, num_request_queues: u16) -> wire::Config {
    wire::Config {
        impl_id: version.impl_id.into(),
        impl_caps: version.impl_caps.into(),
        gen_caps: version.gen_caps.into(),
        num_request_queues: u32::from(num_request_queues).into(),
        page_size: page_size().into(),
        max_params: limits.max_params.into(),
        max_runs: limits.max_runs.into(),
        max_contexts: limits.max_contexts.into(),
        max_sessions: limits.max_sessions.into(),
        max_memories: limits.max_memories.into(),
        max_memory_bytes: limits.max_memory_bytes.into(),
    }
}

/// `size` bytes at `offset`, zeros where there is nothing: a VMM may take an access that fails or
/// falls short for the end of the device.
pub(super) fn read(config: &wire::Config, offset: u32, size: u32) -> Vec<u8> {
    let tail = config.as_bytes().get(offset as usize..).unwrap_or_default();
    let mut bytes = vec![0; size as usize];
    let len = tail.len().min(bytes.len());
    bytes[..len].copy_from_slice(&tail[..len]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_access_is_served() {
        let version = Version { impl_id: 0x0403_0201, impl_caps: 0, gen_caps: 0, revision: String::new() };
        let config = describe(&version, &Limits::default(), 2);
        let len = u32::try_from(size_of::<wire::Config>()).unwrap();
        assert_eq!(read(&config, 0, len), config.as_bytes());
        assert_eq!(read(&config, 1, 2), [2, 3]);
        assert_eq!(read(&config, len - 1, 4)[1..], [0; 3]);
        assert_eq!(read(&config, u32::MAX, 4), [0; 4]);
        assert!(read(&config, 0, 0).is_empty());
        assert_eq!(read(&config, 0, 4096).len(), 4096);
    }
}
