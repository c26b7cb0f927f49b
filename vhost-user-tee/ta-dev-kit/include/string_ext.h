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

/* Makes room at element pos, and copies elem there unless it is null. The array has room for one more. */
static inline void *ins_array_elem(void *base, size_t elem_count, size_t elem_size, size_t pos, const void *elem)
{
	char *at = (char *)base + pos * elem_size;

	memmove(at + elem_size, at, (elem_count - pos) * elem_size);
	if (elem)
		memcpy(at, elem, elem_size);
	return at;
}

/* The same, with zeros there. */
static inline void *ins_array_elem_zero_init(void *base, size_t elem_count, size_t elem_size, size_t pos)
{
	return memset(ins_array_elem(base, elem_count, elem_size, pos, NULL), 0, elem_size);
}

/* Closes the gap that element pos leaves. */
static inline void rem_array_elem(void *base, size_t elem_count, size_t elem_size, size_t pos)
{
	char *at = (char *)base + pos * elem_size;

	memmove(at, at + elem_size, (elem_count - pos - 1) * elem_size);
}

/* The same, with zeros where the last element was. */
static inline void rem_array_elem_zero_pad(void *base, size_t elem_count, size_t elem_size, size_t pos)
{
	rem_array_elem(base, elem_count, elem_size, pos);
	memset((char *)base + (elem_count - 1) * elem_size, 0, elem_size);
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
