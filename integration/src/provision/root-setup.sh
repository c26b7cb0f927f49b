# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# mmdebstrap's setup hook: adds backports from the mirror that serves trixie, and pins what comes from where.
set -eu
root=$1
sources=$(cat "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*.list 2>/dev/null || true)
echo "$sources" | sed -n 's/^\(deb .*\) trixie main$/\1 trixie-backports main/p' | head -n 1 \
	>"$root/etc/apt/sources.list.d/backports.list"
test -s "$root/etc/apt/sources.list.d/backports.list"

# rustc must stay trixie's whatever is installed from backports: with another one the names of the kernel's
# Rust symbols change, and a module built against them does not load into Debian's kernel.
cat >"$root/etc/apt/preferences.d/virtio-tee" <<'END'
Package: src:rustc src:cargo src:rust-bindgen-cli
Pin: release n=trixie
Pin-Priority: 1001
END
