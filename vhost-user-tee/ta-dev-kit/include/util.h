/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Small macros that OP-TEE's TAs use. */
#ifndef UTIL_H
#define UTIL_H

#include <inttypes.h>
#include <stddef.h>
#include <compiler.h>

/* glibc has no such macro. */
#ifndef UINTPTR_C
#define UINTPTR_C(value)	value##UL
#endif

#define SIZE_4K			UINTPTR_C(0x1000)
#define SIZE_1M			UINTPTR_C(0x100000)
#define SIZE_2M			UINTPTR_C(0x200000)
#define SIZE_4M			UINTPTR_C(0x400000)
#define SIZE_8M			UINTPTR_C(0x800000)
#define SIZE_2G			UINTPTR_C(0x80000000)

#ifndef MAX
#define MAX(a, b) \
	(__extension__({ __typeof__(a) _max_a = (a); __typeof__(b) _max_b = (b); \
			 _max_a > _max_b ? _max_a : _max_b; }))
#endif
#ifndef MIN
#define MIN(a, b) \
	(__extension__({ __typeof__(a) _min_a = (a); __typeof__(b) _min_b = (b); \
			 _min_a < _min_b ? _min_a : _min_b; }))
#endif
/* For constants: the arguments are evaluated twice. */
#define MAX_UNSAFE(a, b)	(((a) > (b)) ? (a) : (b))
#define MIN_UNSAFE(a, b)	(((a) < (b)) ? (a) : (b))

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x)		(sizeof(x) / sizeof((x)[0]))
#endif
#define MEMBER_SIZE(type, member)	sizeof(((type *)0)->member)

/* To a multiple of y. */
#define ROUNDUP(x, y) \
	((((x) + (__typeof__(x))(y) - 1) / (__typeof__(x))(y)) * (__typeof__(x))(y))
#define ROUNDDOWN(x, y)		(((x) / (__typeof__(x))(y)) * (__typeof__(x))(y))
#define ROUNDUP_DIV(x, y)	(ROUNDUP((x), (y)) / (__typeof__(x))(y))
#define DIV_ROUND_UP(x, y)	(((x) + (y) - 1) / (y))
/* To a multiple of y, a power of two. */
#define ROUNDUP2(x, y)		(((x) + ((__typeof__(x))(y) - 1)) & ~((__typeof__(x))(y) - 1))
#define ROUNDDOWN2(x, y)	((x) & ~((__typeof__(x))(y) - 1))
/* The same, divided by y. */
#define ROUNDUP2_DIV(x, y) \
	(__extension__({ __typeof__(x) _div_x = (x); \
			 _div_x / (y) + ((_div_x & ((__typeof__(x))(y) - 1)) != 0); }))
/* To the nearest. */
#define UDIV_ROUND_NEAREST(x, y) \
	(__extension__({ __typeof__(x) _div_x = (x); __typeof__(y) _div_y = (y); \
			 (_div_x + _div_y / 2) / _div_y; }))
/* Store the result, and tell whether it did not fit. */
#define ROUNDUP_OVERFLOW(v, size, res) \
	(__extension__({ __typeof__(v) _round_over = (v) % (__typeof__(v))(size); \
			 ADD_OVERFLOW((v), (__typeof__(v))(_round_over ? (size) - _round_over : 0), (res)); }))
#define ROUNDUP2_OVERFLOW(v, size, res)	ROUNDUP_OVERFLOW(v, size, res)

#define IS_POWER_OF_TWO(x)	(((x) != 0) && (((x) & ((x) - 1)) == 0))
#define IS_ALIGNED(x, a)	(((x) & ((a) - 1)) == 0)
#define IS_ALIGNED_WITH_TYPE(x, type)	(((uintptr_t)(x) % _Alignof(type)) == 0)

#define TO_STR(x)		_TO_STR(x)
#define _TO_STR(x)		#x
#define CONCAT(x, y)		_CONCAT(x, y)
#define _CONCAT(x, y)		x##y

#define container_of(ptr, type, member) \
	(__extension__({ const __typeof__(((type *)0)->member) *_container_ptr = (ptr); \
			 (type *)((uintptr_t)_container_ptr - offsetof(type, member)); }))

#define BIT32(nr)		(UINT32_C(1) << (nr))
#define BIT64(nr)		(UINT64_C(1) << (nr))
#define BIT(nr)			BIT32(nr)
#define SHIFT_U32(v, shift)	((uint32_t)(v) << (shift))
#define SHIFT_U64(v, shift)	((uint64_t)(v) << (shift))
/* Bits h down to l. */
#define GENMASK_32(h, l)	((UINT32_MAX << (l)) & (UINT32_MAX >> (31 - (h))))
#define GENMASK_64(h, l)	((UINT64_MAX << (l)) & (UINT64_MAX >> (63 - (h))))

/* Store the result, and tell whether it did not fit. */
#define ADD_OVERFLOW(a, b, res)	__builtin_add_overflow((a), (b), (res))
#define SUB_OVERFLOW(a, b, res)	__builtin_sub_overflow((a), (b), (res))
#define MUL_OVERFLOW(a, b, res)	__builtin_mul_overflow((a), (b), (res))

/* 1, 0 or -1. */
#define CMP_TRILEAN(a, b) \
	(__extension__({ __typeof__(a) _cmp_a = (a); __typeof__(b) _cmp_b = (b); \
			 (_cmp_a > _cmp_b) - (_cmp_a < _cmp_b); }))

static inline uint64_t reg_pair_to_64(uint32_t high, uint32_t low)
{
	return (uint64_t)high << 32 | low;
}

static inline uint32_t high32_from_64(uint64_t value)
{
	return (uint32_t)(value >> 32);
}

static inline uint32_t low32_from_64(uint64_t value)
{
	return (uint32_t)value;
}

static inline void reg_pair_from_64(uint64_t value, uint32_t *high, uint32_t *low)
{
	*high = high32_from_64(value);
	*low = low32_from_64(value);
}

/* The bits that mask says, as a number of their own. */
#define FIELD(width) \
	static inline uint##width##_t get_field_u##width(uint##width##_t reg, uint##width##_t mask) \
	{ \
		return (reg & mask) / (mask & -mask); \
	} \
	static inline uint##width##_t set_field_u##width(uint##width##_t reg, uint##width##_t mask, \
							 uint##width##_t val) \
	{ \
		return (reg & ~mask) | val * (mask & -mask); \
	}
FIELD(32)
FIELD(64)
#undef FIELD

/* Sort arrays of n numbers, the least first. C++'s <stdlib.h> cannot be included in extern "C", as this can. */
__BEGIN_DECLS
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
__END_DECLS
#define QSORT(name, type) \
	static inline int __qsort_compare_##name(const void *a, const void *b) \
	{ \
		type x = *(const type *)a, y = *(const type *)b; \
		return (x > y) - (x < y); \
	} \
	static inline void qsort_##name(type *aa, size_t n) \
	{ \
		qsort(aa, n, sizeof(*aa), __qsort_compare_##name); \
	}
QSORT(int, int)
QSORT(uint, unsigned int)
QSORT(long, long int)
QSORT(ul, unsigned long int)
QSORT(ll, long long int)
QSORT(ull, unsigned long long int)
QSORT(s8, int8_t)
QSORT(u8, uint8_t)
QSORT(s16, int16_t)
QSORT(u16, uint16_t)
QSORT(s32, int32_t)
QSORT(u32, uint32_t)
QSORT(s64, int64_t)
QSORT(u64, uint64_t)
#undef QSORT

#endif
