/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What OP-TEE's C library has beside the standard's. */
#ifndef STDLIB_EXT_H
#define STDLIB_EXT_H

#include <malloc.h>
#include <stddef.h>
#include <string_ext.h>

/* Zeroes an allocation and gives it back; of null, does nothing. */
static inline void free_wipe(void *ptr)
{
	if (ptr)
		memzero_explicit(ptr, malloc_usable_size(ptr));
	free(ptr);
}

#endif
