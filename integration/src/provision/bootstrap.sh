# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Makes a Debian root: bash -c <this> bash MODE SUITE ARCHITECTURES SETUP-HOOK CUSTOMIZE-HOOK FOLDER
set -euo pipefail
mode=$1 suite=$2 architectures=$3 setup=$4 customize=$5 folder=$6

# Temporary files are not for /tmp, which may be small and in memory.
export TMPDIR=/var/tmp
bootstrap() {
	mmdebstrap --variant=apt --mode="$mode" --architectures="$architectures" \
		--aptopt='APT::Install-Recommends "false"' --include=ca-certificates \
		--setup-hook="$setup" --customize-hook="$customize" "$suite" "$1"
}
if [ "$mode" = root ]; then
	bootstrap "$folder"
else
	# What unshare mode makes belongs to many users. By way of an archive all of it gets one owner.
	bootstrap - | tar --extract --directory "$folder" --no-same-owner --exclude='./dev/*'
fi
