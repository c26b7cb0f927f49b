# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# mmdebstrap's customize hook for the root in which the driver and the host side are built for arm64, and from which
# they are run: an amd64 root with cross compilers, Debian's own rustc and its standard library for arm64, and all that
# an emulated machine with OP-TEE is made of. "$1" is the root.
set -eu
root=$1
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
install() { in_root apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }

# The newest kernel of the series of which all parts are there in one version.
series=7.3
find_kernel() {
	for kernel in $(in_root apt-cache pkgnames "linux-headers-$series." |
		sed -n 's/^linux-headers-\(.*-cloud-arm64\)$/\1/p' | sort -Vru); do
		version=$(in_root apt-cache show --no-all-versions "linux-headers-$kernel:arm64" | sed -n 's/^Version: //p')
		if in_root apt-get install -q --simulate "linux-source-$series=$version" >/dev/null &&
			in_root apt-cache show "linux-binary-$kernel:arm64=$version" "linux-modules-$kernel:arm64=$version" >/dev/null; then
			return 0
		fi
	done
	echo "no $series kernel for cloud-arm64 with matching headers, source, image and modules" >&2
	exit 1
}
find_kernel
echo "kernel $kernel, version $version"

install "linux-source-$series=$version" \
	rustc cargo rust-src rust-clippy bindgen rustfmt libstd-rust-dev libstd-rust-dev:arm64 \
	gcc gcc-14 libc6-dev make bc bison flex libelf-dev libssl-dev libdw-dev pahole xz-utils python3 kmod perl \
	gcc-14-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
	dpkg-dev device-tree-compiler python3-cryptography
install -t trixie-backports qemu-system-arm

# Unpacks packages of arm64 below a folder: they cannot be installed beside this architecture's, and need not be.
unpack() {
	in_root sh -euc '
		folder=$1
		shift
		mkdir -p "$folder" /guest/packages && cd /guest/packages
		chown _apt .
		apt-get download -q "$@"
		for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
		rm -r /guest/packages
	' sh "$@"
}
unpack /guest "linux-headers-$kernel:arm64=$version" "linux-binary-$kernel:arm64=$version" \
	"linux-modules-$kernel:arm64=$version"
ln -s "usr/src/linux-headers-$kernel" "$root/guest/headers"
mv "$root/guest/usr/lib/modules/$kernel/vmlinuz" "$root/guest/vmlinuz"

# OP-TEE, its TA dev kit, and the programs beside it in the machine's normal world.
unpack /optee/os optee-os:arm64 optee-os-dev:arm64
unpack /optee/host busybox-static:arm64 tee-supplicant:arm64 optee-test-qemu:arm64 libteec2:arm64 libckteec0t64:arm64 \
	libseteec0t64:arm64 libc6:arm64 libgcc-s1:arm64 libssl3t64:arm64 zlib1g:arm64 libzstd1:arm64
rm -r "$root/optee/host/usr/share" "$root/optee/host/usr/lib/aarch64-linux-gnu/gconv"

# The firmware that starts OP-TEE, which Debian has for real machines only, as source.
sed -n 's/^deb \(.*\) trixie main$/deb-src \1 trixie main/p' "$root"/etc/apt/sources.list \
	"$root"/etc/apt/sources.list.d/*.list 2>/dev/null | head -n 1 >"$root/etc/apt/sources.list.d/source.list"
in_root apt-get update -q
in_root sh -euc 'mkdir /optee/source && cd /optee/source && chown _apt . && apt-get source -q arm-trusted-firmware'
mv "$root"/optee/source/arm-trusted-firmware-*/ "$root/optee/firmware"
rm -r "$root/optee/source"

echo "$kernel" >"$root/guest/kernel"
echo "$series" >"$root/guest/series"

# Where builds find their parts, whatever they are called outside.
mkdir -p "$root/kernel/src" "$root/kernel/build" "$root/kernel/module"
mkdir -p "$root/work/src" "$root/work/vendor" "$root/work/target" "$root/work/out"
