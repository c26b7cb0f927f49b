# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# First part of mmdebstrap's customize hook for the roots that a kernel for x86_64 comes from: what builds the driver for
# the newest kernel of the series $series, and that kernel with its modules. "$1" is the root.
set -eu
root=$1
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
install() { in_root apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }

# The newest kernel of the series of which all parts are there in one version.
find_kernel() {
	for kernel in $(in_root apt-cache pkgnames "linux-headers-$series." |
		sed -n 's/^linux-headers-\(.*-cloud-amd64\)$/\1/p' | sort -Vr); do
		version=$(in_root apt-cache show --no-all-versions "linux-headers-$kernel" | sed -n 's/^Version: //p')
		if in_root apt-get install -q --simulate "linux-headers-$kernel=$version" "linux-source-$series=$version" \
			"linux-modules-$kernel=$version" >/dev/null &&
			in_root apt-cache show "linux-binary-$kernel=$version" >/dev/null; then
			return 0
		fi
	done
	echo "no $series kernel for cloud-amd64 with matching headers, source, image and modules" >&2
	exit 1
}
find_kernel
echo "kernel $kernel, version $version"

# The compiler comes with the headers, the one that the kernel was built with.
install "linux-headers-$kernel=$version" "linux-source-$series=$version" \
	rustc rust-src rust-clippy bindgen rustfmt \
	make bc bison flex libelf-dev libssl-dev libdw-dev pahole xz-utils python3 kmod

# The image and its modules are only unpacked: nothing here boots, so no initramfs and no boot loader.
in_root sh -euc '
	mkdir -p /guest/packages && cd /guest/packages
	chown _apt .
	apt-get download -q "linux-binary-$1=$2" "linux-modules-$1=$2"
	for package in *.deb; do dpkg-deb -x "$package" /guest; done
	rm -r /guest/packages
	cp "/guest/usr/lib/modules/$1/vmlinuz" /guest/vmlinuz
	xz -dc "/guest/usr/lib/modules/$1/kernel/drivers/tee/tee.ko.xz" >/guest/tee.ko
	ln -s "../usr/src/linux-headers-$1" /guest/headers
' sh "$kernel" "$version"
echo "$kernel" >"$root/guest/kernel"
echo "$series" >"$root/guest/series"

# Where the build of the kernel finds its parts, whatever they are called outside.
mkdir -p "$root/kernel/src" "$root/kernel/build" "$root/kernel/module"
