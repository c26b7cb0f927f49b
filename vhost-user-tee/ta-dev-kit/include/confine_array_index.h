/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef CONFINE_ARRAY_INDEX_H
#define CONFINE_ARRAY_INDEX_H

#include <stddef.h>

/*
 * index where that is less than size, or else 0, without a branch that a processor could guess: together with
 * the caller's own check this keeps speculation inside of an array.
 */
static inline size_t confine_array_index(size_t index, size_t size)
{
	size_t mask;

#if defined(__x86_64__)
	/* All ones where the comparison borrows. */
	__asm__ volatile("cmp %2, %1; sbb %0, %0" : "=r"(mask) : "r"(index), "r"(size) : "cc");
#elif defined(__aarch64__)
	__asm__ volatile("cmp %1, %2; csetm %0, lo; hint #20" : "=r"(mask) : "r"(index), "r"(size) : "cc");
#else
#error "not for this machine"
#endif
	return index & mask;
}

#endif
