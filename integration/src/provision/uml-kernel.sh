# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Builds a user-mode kernel in the root, from /kernel/src in /kernel/build: `build` is make with its
# variables, and /kernel/build/uml.config all that the configuration has beyond what is always there.
build KCONFIG_ALLCONFIG=/kernel/build/uml.config allnoconfig
# An option whose conditions are not met is left out without a word.
grep '^CONFIG_' /kernel/build/uml.config | while read -r option; do
	if ! grep -qxF "$option" /kernel/build/.config; then
		echo "this kernel cannot have $option" >&2
		exit 1
	fi
done
# There are no modules yet, but that goal leaves what one is built against.
build linux modules
