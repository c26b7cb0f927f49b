# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# Second part, for the root that machines come from: QEMU, and what a guest has of Debian's programs.
install busybox-static kexec-tools pciutils
# With the firmware that it wants, which is newer than trixie's too.
install -t trixie-backports qemu-system-x86
