# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Unpacks, in the root for arm64, Debian's QEMU for arm64 machines with the libraries it loads into /work/out. The root
# itself is only read, and has packages of another architecture: so the packages are found as for a machine with none.
mkdir -p /work/out/apt/lists/partial /work/out/apt/archives/partial
cd /work/out/apt
: >status
apt() {
	apt-get -q -o Dir::State=/work/out/apt -o Dir::Cache=/work/out/apt -o Dir::State::status=/work/out/apt/status \
		-o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root "$@"
}
apt update
apt install -y --download-only --no-install-recommends -t trixie-backports qemu-system-arm
mkdir tree
for package in archives/*.deb; do dpkg-deb -x "$package" tree; done
mkdir /work/out/bin /work/out/lib
cp tree/usr/bin/qemu-system-aarch64 /work/out/bin

# The libraries that a program names, and those that they name.
libraries() {
	for library in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ ! -e "/work/out/lib/$library" ] || continue
		file=$(find tree/usr/lib -name "$library" | head -n 1)
		cp -L "$file" "/work/out/lib/$library"
		libraries "/work/out/lib/$library"
	done
}
libraries /work/out/bin/qemu-system-aarch64
rm -r /work/out/apt
