/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <everything.h>

#ifndef __x86_64__
#error "this is for x86_64"
#endif

int machine_bits(void)
{
	return 64;
}
