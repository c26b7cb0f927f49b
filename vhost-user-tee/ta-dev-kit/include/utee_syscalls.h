/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The calls that the dev kit's own sources make beside the TEE Internal Core API. */
#ifndef UTEE_SYSCALLS_H
#define UTEE_SYSCALLS_H

#include <stddef.h>
#include <compiler.h>

__BEGIN_DECLS

/* Prints bytes on the daemon's log; a newline ends a line. */
void _utee_log(const void *buf, size_t len);

__END_DECLS

#endif
