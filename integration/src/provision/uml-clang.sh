# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Puts clang, of the version of the root's own LLVM, into /kernel/build/clang: Rust in a kernel with
# KASAN wants it, and nothing else here does, so the root has none.
version=$(dpkg-query --show --showformat '${Version}' libllvm19)
mkdir -p /kernel/build/clang/apt/lists/partial /kernel/build/clang/apt/archives/partial
cd /kernel/build/clang/apt
# The root is only read, also by apt.
apt="apt-get -q -o Dir::State::Lists=$PWD/lists -o Dir::Cache=$PWD -o APT::Sandbox::User=root"
$apt update
$apt download "clang-19=$version" "libclang-common-19-dev=$version" "libclang-cpp19=$version"
for package in *.deb; do dpkg-deb -x "$package" /kernel/build/clang; done
cd /
rm -r /kernel/build/clang/apt
