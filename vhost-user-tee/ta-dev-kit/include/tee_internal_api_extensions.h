/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What OP-TEE offers beside the TEE Internal Core API. */
#ifndef TEE_INTERNAL_API_EXTENSIONS_H
#define TEE_INTERNAL_API_EXTENSIONS_H

#include <stdio.h>
#include <tee_api_defines_extensions.h>
#include <tee_api_types.h>
#include <trace.h>

__BEGIN_DECLS

/* A hint of TEE_Malloc: the memory need not be zeroed. */
#define TEE_USER_MEM_HINT_NO_FILL_ZERO	0x80000000

/* Cache maintenance, for TAs with TA_FLAG_CACHE_MAINTENANCE. */
TEE_Result TEE_CacheClean(char *buf, size_t len);
TEE_Result TEE_CacheFlush(char *buf, size_t len);
TEE_Result TEE_CacheInvalidate(char *buf, size_t len);

/* Reads "12345678-9abc-def0-1234-56789abcdef0"; TEE_ERROR_BAD_PARAMETERS where s is not of that form. */
TEE_Result tee_uuid_from_str(TEE_UUID *uuid, const char *s);

/* Zeroed memory of whole pages, and giving it back. */
void *tee_map_zi(size_t len, uint32_t flags);
TEE_Result tee_unmap(void *buf, size_t len);

/* Calls a plugin of tee-supplicant. */
TEE_Result tee_invoke_supp_plugin(const TEE_UUID *uuid, uint32_t cmd, uint32_t sub_cmd, void *buf, size_t len,
				  size_t *outlen);

__END_DECLS

#endif
