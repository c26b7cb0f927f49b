/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Atomic operations, as OP-TEE names them; those that count return the new value. */
#ifndef ATOMIC_H
#define ATOMIC_H

#include <stdbool.h>
#include <stdint.h>
#include <compiler.h>
#include <types_ext.h>

static inline uint32_t atomic_inc32(volatile uint32_t *v)
{
	return __atomic_add_fetch(v, 1, __ATOMIC_SEQ_CST);
}

static inline uint32_t atomic_dec32(volatile uint32_t *v)
{
	return __atomic_sub_fetch(v, 1, __ATOMIC_SEQ_CST);
}

/* *p becomes nval where it is *oval, and *oval what *p was where not. It may fail for no reason. */
#define ATOMIC_CAS(name, type) \
	static inline bool atomic_cas_##name(type *p, type *oval, type nval) \
	{ \
		return __compiler_compare_and_swap(p, oval, nval); \
	}
ATOMIC_CAS(uint, unsigned int)
ATOMIC_CAS(u32, uint32_t)
#undef ATOMIC_CAS

#define ATOMIC_LOAD_STORE(name, type, loaded) \
	static inline type atomic_load_##name(loaded *p) \
	{ \
		return __compiler_atomic_load(p); \
	} \
	static inline void atomic_store_##name(type *p, type val) \
	{ \
		__compiler_atomic_store(p, val); \
	}
ATOMIC_LOAD_STORE(int, int, int)
ATOMIC_LOAD_STORE(short, short, short)
ATOMIC_LOAD_STORE(uint, unsigned int, unsigned int)
ATOMIC_LOAD_STORE(u32, uint32_t, const uint32_t)
#undef ATOMIC_LOAD_STORE

#endif
