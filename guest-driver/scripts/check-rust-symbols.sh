#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Fails unless every Rust symbol of a prepared kernel build tree is one that the kernel exports.
#
# usage: check-rust-symbols.sh BUILD-TREE
#
# The names of Rust symbols contain a hash of the compiler, its flags and the configuration. Without
# CONFIG_MODVERSIONS nothing else tells a module that was built for other layouts of the kernel
# crate's types: so BUILD-TREE's Module.symvers has to be that of the kernel to be run, and the
# symbols that the tree's own rust/ exports have to be in it.

set -eu

tree=${1:?usage: check-rust-symbols.sh BUILD-TREE}
symvers=$tree/Module.symvers

# The bindings export nothing with some compilers.
for file in "$symvers" "$tree/rust/exports_core_generated.h" "$tree/rust/exports_kernel_generated.h"; do
	if [ ! -s "$file" ]; then
		echo "$0: $file is missing: the tree needs Rust prepared, and the kernel's Module.symvers" >&2
		exit 1
	fi
done

missing=$(cat "$tree"/rust/exports_core_generated.h "$tree"/rust/exports_bindings_generated.h \
	"$tree"/rust/exports_kernel_generated.h |
	awk -v symvers="$symvers" '
		BEGIN {
			while ((getline line < symvers) > 0) {
				split(line, field, "\t")
				exported[field[2]] = 1
			}
		}
		match($0, /\(_R[^)]*\)/) {
			name = substr($0, RSTART + 1, RLENGTH - 2)
			if (!(name in exported))
				print name
		}')

if [ -n "$missing" ]; then
	echo "$0: $(echo "$missing" | wc -l) Rust symbols of $tree are not the kernel's, the first:" >&2
	echo "$missing" | head -n 3 | sed 's/^/  /' >&2
	echo "  Compiler, bindgen or configuration differ from those that the kernel was built with." >&2
	exit 1
fi
