/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the TA's sources, in three languages, have of each other. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include <tee_internal_api.h>

#define EVERYTHING_TA_UUID \
	{ 0x5d0b4a0e, 0x5a73, 0x4c8f, { 0x9c, 0x5c, 0x6d, 0x1f, 0x4c, 0x1b, 0x9a, 0x52 } }

/* p0 value inout: number of a feature in, what came of it out. */
#define EVERYTHING_CMD_FEATURE		0
/* p0 memref inout, of one byte: stays; the destructor of a global object writes 'D' there. */
#define EVERYTHING_CMD_WATCH_DESTRUCTOR	1

__BEGIN_DECLS

int answer(void);
int machine_bits(void);
int library_sum(int a, int b);
int nested_level(void);
int deeper_level(void);
int outside(void);

int caught_exception(void);
int constructed_before_create(void);
int standard_library(void);
int virtual_call(void);
void watch_destructor(void *at);

__END_DECLS

#endif
