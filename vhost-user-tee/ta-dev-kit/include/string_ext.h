/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Functions that OP-TEE's C library has beside the standard's. */
#ifndef STRING_EXT_H
#define STRING_EXT_H

#include <stddef.h>
#include <string.h>

/* Compares in a time that depends on the length alone; 0 when equal. */
static inline int consttime_memcmp(const void *p1, const void *p2, size_t size)
{
	const volatile unsigned char *a = (const volatile unsigned char *)p1;
	const volatile unsigned char *b = (const volatile unsigned char *)p2;
	unsigned char difference = 0;
	size_t i;

	for (i = 0; i < size; i++)
		difference |= a[i] ^ b[i];
	return difference;
}

static inline int buf_compare_ct(const void *s1, const void *s2, size_t size)
{
	return consttime_memcmp(s1, s2, size);
}

/* Zeroes what the compiler must not find unused. */
static inline void memzero_explicit(void *s, size_t count)
{
	memset(s, 0, count);
	__asm__ volatile("" : : "r"(s) : "memory");
}

#if defined(__GLIBC__) && !__GLIBC_PREREQ(2, 38)
/* The length of src; it was cut where that is not less than size. */
static inline size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t length = strlen(src);

	if (size) {
		size_t copied = length < size ? length : size - 1;

		memcpy(dst, src, copied);
		dst[copied] = '\0';
	}
	return length;
}

/* The length that the whole would have; it was cut where that is not less than size. */
static inline size_t strlcat(char *dst, const char *src, size_t size)
{
	size_t used = strnlen(dst, size);

	return used + (used < size ? strlcpy(dst + used, src, size - used) : strlen(src));
}
#endif

#endif
