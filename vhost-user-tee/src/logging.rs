// SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
//! What goes to the log.

use env_logger::{Builder, Env};
use log::LevelFilter;

/// A logger that `env` sets up: its filter may add to what is here, and is obeyed where it names the same.
///
/// The crate virtio-queue logs each fault of a guest's rings. The device does so itself, rationed; so
/// virtio-queue is heard only where it is asked for by its name.
pub fn logger(env: Env<'_>) -> Builder {
    let mut builder = Builder::new();
    builder.filter_level(LevelFilter::Error).filter_module("virtio_queue", LevelFilter::Off);
    builder.parse_env(env);
    builder
}

#[cfg(test)]
mod tests {
    use log::{Level, Log, Metadata};

    use super::*;

    /// Whether a line goes to the log with `filter` in the environment.
    fn logged(filter: &str, target: &str, level: Level) -> bool {
        let env = Env::new().filter_or("VHOST_USER_TEE_NOT_SET", filter);
        logger(env).build().enabled(&Metadata::builder().target(target).level(level).build())
    }

    #[test]
    fn a_guest_is_heard_through_the_device_alone() {
        for filter in ["", "info", "debug", "info,ta=debug", "virtio=debug"] {
            assert!(!logged(filter, "virtio_queue::queue", Level::Error), "{filter}");
            assert!(logged(filter, "vhost_user_tee::device", Level::Error), "{filter}");
        }
        assert!(logged("info", "vhost_user_tee::device", Level::Warn));
        assert!(!logged("info", "ta", Level::Debug));
        assert!(logged("info,ta=debug", "ta", Level::Debug));
        assert!(logged("info,virtio_queue=error", "virtio_queue::queue", Level::Error));
    }
}
