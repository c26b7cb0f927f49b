# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Builds the kernel that watches itself in the root, from /kernel/src in /kernel/build: `build` is make with its
# variables, and /kernel/build/debug.config all that the configuration has beyond what is always there.
build KCONFIG_ALLCONFIG=/kernel/build/debug.config allnoconfig
# An option whose conditions are not met is left out without a word.
grep '^CONFIG_' /kernel/build/debug.config | while read -r option; do
	if ! grep -qxF "$option" /kernel/build/.config; then
		echo "this kernel cannot have $option" >&2
		exit 1
	fi
done
build bzImage modules

# What machines are made of, packed as Debian packs its own.
mkdir -p /kernel/build/guest
cp /kernel/build/arch/x86/boot/bzImage /kernel/build/guest/vmlinuz
while read -r object; do
	module=${object%.o}.ko
	mkdir -p "/kernel/build/guest/modules/${module%/*}"
	xz --check=crc32 --stdout "/kernel/build/$module" >"/kernel/build/guest/modules/$module.xz"
done </kernel/build/modules.order
