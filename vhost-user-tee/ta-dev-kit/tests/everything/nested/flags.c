/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <private.h>
#include <everything.h>

#ifdef TOP_ONLY
#error "a flag of the folder above"
#endif

int nested_level(void)
{
	return LEVEL + GLOBAL_FLAG + PRIVATE_HEADER;
}
