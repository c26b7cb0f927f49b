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

#endif
