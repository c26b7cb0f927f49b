#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Checks the patches of this folder: that they are well-formed, and, where source trees are given, that
# they apply to them. The trees are only read.
#
#   check.sh [--qemu TREE] [--crosvm TREE]
#
# It does not build anything: README.md says what was built and run.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
qemu= crosvm=
while [ $# -gt 0 ]; do
	case $1 in
	--qemu) qemu=$(cd "${2:?--qemu needs a source tree}" && pwd) ;;
	--crosvm) crosvm=$(cd "${2:?--crosvm needs a source tree}" && pwd) ;;
	*) echo "usage: check.sh [--qemu TREE] [--crosvm TREE]" >&2; exit 2 ;;
	esac
	shift 2
done
command -v git >/dev/null || { echo "git is missing: apt-get install git" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Outside of this repository: git would take the patches' paths for its own.
cd "$scratch"

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# The subject of a patch, in one line and without "[PATCH n/m]".
subject() {
	sed -n '/^Subject: /,/^$/p' "$1" | tr -d '\n' | sed 's/^Subject: \[PATCH[^]]*\] //'
}

# The files that patches change or add.
files() {
	for patch; do git apply --numstat "$patch"; done | cut -f 3 | sort -u
}

# well_formed PATCH...: a series in its order
well_formed() {
	number=0
	for patch; do
		number=$((number + 1))
		name=${patch#"$here/"}
		grep -q "^Subject: \[PATCH $number/$#\] " "$patch" || fail "$name is not number $number of $#"
		grep -q '^From: ' "$patch" || fail "$name has no author"
		grep -q '^Signed-off-by: .* <.*@.*>$' "$patch" || fail "$name is not signed off"
		git apply --numstat "$patch" >/dev/null || fail "$name is damaged"
		# New files, except what documents and build files need not have.
		added=$(sed -n 's/^ create mode [0-9]* \(.*\.[ch]\)$/\1/p' "$patch" | wc -l)
		lines=$(grep -c '^+.*SPDX-License-Identifier:' "$patch" || true)
		[ "$lines" -ge "$added" ] || fail "$name adds a file without a licence"
		! grep -n '^+.*[[:blank:]]$' "$patch" || fail "$name adds white space at the end of these lines"
		echo "ok: $name"
	done
}

# applies TREE PATCH...: one after the other, to copies of the files that they change
applies() {
	tree=$1
	shift
	copy=$scratch/tree
	rm -rf "$copy"
	mkdir "$copy"
	for file in $(files "$@"); do
		[ -e "$tree/$file" ] || continue
		mkdir -p "$copy/$(dirname "$file")"
		cp "$tree/$file" "$copy/$file"
	done
	for patch; do
		(cd "$copy" && git apply "$patch") ||
			fail "${patch#"$here/"} does not apply to $tree"
	done
	echo "applies to $tree: $# patches"
}

set -- "$here"/qemu/0[0-9][0-9][1-9]-*.patch
well_formed "$@"
for patch; do
	grep -qF "  $(subject "$patch" | cut -c 1-60)" "$here/qemu/0000-cover-letter.patch" ||
		fail "the cover letter does not list ${patch#"$here/"}"
done
if [ -n "$qemu" ]; then
	version=$(cat "$qemu/VERSION") || fail "$qemu is not a source tree of QEMU"
	case $version in
	10.2.*) set -- "$here/qemu/base-10.2.2.patch" "$@" ;;
	esac
	applies "$qemu" "$@"
	applies "$qemu" "$here"/qemu-vfio-user/0*.patch
else
	echo "not checked: whether the patches for QEMU apply (--qemu TREE)"
fi
well_formed "$here"/qemu-vfio-user/0*.patch

set -- "$here"/crosvm/0*.patch
well_formed "$@"
if [ -n "$crosvm" ]; then
	[ -e "$crosvm/devices/src/virtio/mod.rs" ] || fail "$crosvm is not a source tree of crosvm"
	applies "$crosvm" "$@"
else
	echo "not checked: whether the series for crosvm applies (--crosvm TREE)"
fi
echo "not checked: whether anything builds or works"
