/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* RFC 4648, section 4. Both functions fail, with *blen what is needed, where there is too little room. */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <compiler.h>

__BEGIN_DECLS

/* Encodes, with a zero at the end, which *blen counts. */
bool base64_enc(const void *data, size_t size, char *buf, size_t *blen);
/* Decodes; white space and what is no digit of base 64 is skipped, "=" or a zero ends. */
bool base64_dec(const char *data, size_t size, void *buf, size_t *blen);
/* Length of what size bytes become, without a zero. */
size_t base64_enc_len(size_t size);

__END_DECLS

#endif
