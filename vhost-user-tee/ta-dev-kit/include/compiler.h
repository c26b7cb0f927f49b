/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Short names of compiler attributes that OP-TEE's TAs use. Names that the C library's own headers use for
 * structure members (__data) are left out.
 */
#ifndef COMPILER_H
#define COMPILER_H

#include <sys/cdefs.h>

#ifndef __deprecated
#define __deprecated		__attribute__((deprecated))
#endif
#ifndef __packed
#define __packed		__attribute__((packed))
#endif
#ifndef __weak
#define __weak			__attribute__((weak))
#endif
#ifndef __noreturn
#define __noreturn		__attribute__((noreturn))
#endif
#ifndef __pure
#define __pure			__attribute__((pure))
#endif
#ifndef __aligned
#define __aligned(x)		__attribute__((aligned(x)))
#endif
#ifndef __printf
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#endif
#ifndef __noinline
#define __noinline		__attribute__((noinline))
#endif
#ifndef __attr_const
#define __attr_const		__attribute__((const))
#endif
#ifndef __unused
#define __unused		__attribute__((unused))
#endif
#ifndef __maybe_unused
#define __maybe_unused		__attribute__((unused))
#endif
#ifndef __used
#define __used			__attribute__((used))
#endif
#ifndef __must_check
#define __must_check		__attribute__((warn_unused_result))
#endif
#ifndef __cold
#define __cold			__attribute__((cold))
#endif
#ifndef __alias
#define __alias(x)		__attribute__((alias(x)))
#endif
/* Without the check that a function's stack is whole. */
#ifndef __no_stack_protector
#define __no_stack_protector	__attribute__((no_stack_protector))
#endif
#define __no_stackprot		__no_stack_protector
/* Without profiling. */
#define __noprof		__attribute__((no_instrument_function))
/* Keeps a loop from becoming a call of the C library, such as of memset() in memset() itself. */
#ifdef __clang__
#define __inhibit_loop_to_libcall	__attribute__((no_builtin))
#else
#define __inhibit_loop_to_libcall	__attribute__((optimize("no-tree-loop-distribute-patterns")))
#endif
#ifndef __section
#define __section(x)		__attribute__((section(x)))
#endif

/* C++ has an attribute of this name. */
#if !defined(fallthrough) && !defined(__cplusplus)
#define fallthrough		__attribute__((fallthrough))
#endif

#define __compiler_bswap64(x)	__builtin_bswap64(x)
#define __compiler_bswap32(x)	__builtin_bswap32(x)
#define __compiler_bswap16(x)	__builtin_bswap16(x)

/* Store the result, and tell whether it did not fit. */
#define __HAVE_BUILTIN_OVERFLOW	1
#define __compiler_add_overflow(a, b, res)	__builtin_add_overflow((a), (b), (res))
#define __compiler_sub_overflow(a, b, res)	__builtin_sub_overflow((a), (b), (res))
#define __compiler_mul_overflow(a, b, res)	__builtin_mul_overflow((a), (b), (res))

#define __compiler_atomic_load(p)		__atomic_load_n((p), __ATOMIC_RELAXED)
#define __compiler_atomic_store(p, val)		__atomic_store_n((p), (val), __ATOMIC_RELAXED)
#define __compiler_compare_and_swap(p, oval, nval) \
	__atomic_compare_exchange_n((p), (oval), (nval), true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)

/* Memory is as the program says before this, and read anew after it. */
#define barrier()		__asm__ volatile("" : : : "memory")

#define __GCC_VERSION		(__GNUC__ * 10000 + __GNUC_MINOR__ * 100 + __GNUC_PATCHLEVEL__)

#endif
