#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Makes the source tree of a new TA: a copy of an example, with a name and a UUID of its own.
#
#   mk/new-ta.sh <c or rust> <name> <folder>
#
# The name is made of small letters, digits and "-", and begins with a letter; the folder must not be there yet.
set -eu

kit=$(cd "$(dirname "$0")/.." && pwd)
kind=$1 name=$2 folder=$3

fail() {
	echo "new-ta: $*" >&2
	exit 1
}

case $kind in
c | rust) ;;
*) fail "\"$kind\": a TA is written in c or rust" ;;
esac
case $name in
'' | *[!a-z0-9-]* | [!a-z]* | *- | *--*) fail "\"$name\": a name is made of small letters, digits and \"-\", and begins with a letter" ;;
esac
[ -n "$folder" ] || fail "no folder is named"
[ ! -e "$folder" ] || fail "$folder: is there already"

example=$kit/examples/hello-$kind
uuid=$(cat /proc/sys/kernel/random/uuid)
lower=$(echo "$name" | tr - _)
upper=$(echo "$lower" | tr a-z A-Z)

# 01234567-89ab-cdef-0123-456789abcdef as the initializer of a TEE_UUID
initializer=$(echo "$uuid" | sed 's/\(.*\)-\(.*\)-\(.*\)-\(..\)\(..\)-\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/{ 0x\1, 0x\2, 0x\3, { 0x\4, 0x\5, 0x\6, 0x\7, 0x\8, 0x\9, @@ } }/')
last=$(echo "$uuid" | sed 's/.*\(..\)\(..\)$/0x\1, 0x\2/')
initializer=$(echo "$initializer" | sed "s/@@.*/@@/; s/@@/$last } }/")

(cd "$example" && find . -type f ! -path './target/*' ! -path './obj/*') | while IFS= read -r file; do
	case $file in
	*.o | *.d | *.ta) continue ;;
	esac
	to=$folder/$(echo "$file" | sed "s/hello_ta/${lower}_ta/")
	mkdir -p "$(dirname "$to")"
	sed -e "s/[0-9a-f]\{8\}\(-[0-9a-f]\{4\}\)\{3\}-[0-9a-f]\{12\}/$uuid/" \
		-e "s/{ 0x[0-9a-f]*, 0x[0-9a-f]*, 0x[0-9a-f]*, {.*} }/$initializer/" \
		-e "s/hello_rust_ta/${lower}_ta/g; s/hello-rust-ta/$name-ta/g" \
		-e "s/hello_ta/${lower}_ta/g; s/HELLO_/${upper}_/g" \
		-e "s/^TA_DEV_KIT_DIR ?= .*/TA_DEV_KIT_DIR ?= $(echo "$kit" | sed 's/[&/\]/\\&/g')/" \
		"$example/$file" >"$to"
done
echo "$folder: TA $uuid, in $kind. Build it with: make -C $folder"
