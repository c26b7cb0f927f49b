/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <everything.h>

#ifdef LEVEL
#error "a flag of the source of this name in the folder above"
#endif
#if __has_include(<private.h>)
#error "a header of the folder above"
#endif

int deeper_level(void)
{
	return 20;
}
