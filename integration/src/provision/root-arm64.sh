# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# mmdebstrap's customize hook for the root in which the driver and the host side are built for arm64: an
# amd64 root with cross compilers, Debian's own rustc and its standard library for arm64. "$1" is the root.
set -eu
root=$1
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
install() { in_root apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }

# The newest kernel of the series of which headers and source are there in one version.
series=7.3
find_kernel() {
	for kernel in $(in_root apt-cache pkgnames "linux-headers-$series." |
		sed -n 's/^linux-headers-\(.*-cloud-arm64\)$/\1/p' | sort -Vru); do
		version=$(in_root apt-cache show --no-all-versions "linux-headers-$kernel:arm64" | sed -n 's/^Version: //p')
		if in_root apt-get install -q --simulate "linux-source-$series=$version" >/dev/null; then
			return 0
		fi
	done
	echo "no $series kernel for cloud-arm64 with matching headers and source" >&2
	exit 1
}
find_kernel
echo "kernel $kernel, version $version"

install "linux-source-$series=$version" \
	rustc cargo rust-src rust-clippy bindgen rustfmt libstd-rust-dev libstd-rust-dev:arm64 \
	gcc gcc-14 libc6-dev make bc bison flex libelf-dev libssl-dev libdw-dev pahole xz-utils python3 kmod perl \
	gcc-14-aarch64-linux-gnu gcc-aarch64-linux-gnu libc6-dev-arm64-cross

# Headers of another architecture cannot be installed beside this one's, and need not be.
in_root sh -euc '
	mkdir -p /guest/packages && cd /guest/packages
	chown _apt .
	apt-get download -q "linux-headers-$1:arm64=$2"
	dpkg-deb -x *.deb /guest
	rm -r /guest/packages
	ln -s "usr/src/linux-headers-$1" /guest/headers
' sh "$kernel" "$version"
echo "$kernel" >"$root/guest/kernel"
echo "$series" >"$root/guest/series"

# Where builds find their parts, whatever they are called outside.
mkdir -p "$root/kernel/src" "$root/kernel/build" "$root/kernel/module"
mkdir -p "$root/work/src" "$root/work/vendor" "$root/work/target"
