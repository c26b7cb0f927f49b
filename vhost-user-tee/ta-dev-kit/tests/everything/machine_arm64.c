/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <everything.h>

#if !ARM64 || !__aarch64__
#error "this is for arm64"
#endif

int machine_bits(void)
{
	return 64;
}
