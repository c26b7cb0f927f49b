/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * TEE Internal Core API 1.3.1, section 4.3: what every TA defines. They are the only functions of a TA that
 * can be seen from outside it.
 */
#ifndef GP_ENTRY_POINTS_H
#define GP_ENTRY_POINTS_H

#include <tee_api_types.h>

__BEGIN_DECLS

#define TA_EXPORT	__attribute__((visibility("default")))

/* A new instance begins. An error is what the client's open-session returns. */
TEE_Result TA_EXPORT TA_CreateEntryPoint(void);

/* The instance ends; no session is open any more. */
void TA_EXPORT TA_DestroyEntryPoint(void);

/* A client opens a session. *sessionContext comes back as the first argument of the next two. */
TEE_Result TA_EXPORT TA_OpenSessionEntryPoint(uint32_t paramTypes, TEE_Param params[TEE_NUM_PARAMS],
					      void **sessionContext);

/* A session ends; not called where TA_OpenSessionEntryPoint failed. */
void TA_EXPORT TA_CloseSessionEntryPoint(void *sessionContext);

/* A client calls. */
TEE_Result TA_EXPORT TA_InvokeCommandEntryPoint(void *sessionContext, uint32_t commandID, uint32_t paramTypes,
						TEE_Param params[TEE_NUM_PARAMS]);

__END_DECLS

#endif
