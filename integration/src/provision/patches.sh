# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Builds, in the root, the driver in the kernel's own tree, which is /kernel/module/source, with the patches beside it
# applied; in a copy of the folder that modules are built in. `build` is make with its variables. The driver is to be
# formatted as the kernel's Rust is.
cp -a /kernel/build /kernel/module/build
cd /kernel/module/source
scripts/config --file /kernel/module/build/.config --module VIRTIO_TEE
build olddefconfig
grep -qx CONFIG_VIRTIO_TEE=m /kernel/module/build/.config
build prepare
rustfmt --check --edition 2021 --config-path .rustfmt.toml drivers/tee/virtio/virtio_tee_main.rs
build KCFLAGS=-Werror CLIPPY=1 drivers/tee/virtio/ >/kernel/module/build.log 2>&1 || { cat /kernel/module/build.log; exit 1; }
# The kernel's own crates, which Clippy looks at too, are not without.
if grep -e '--> .*drivers/tee/virtio/' /kernel/module/build.log; then
	echo "the driver builds with warnings" >&2
	exit 1
fi
test -s /kernel/module/build/drivers/tee/virtio/virtio_tee_main.o
