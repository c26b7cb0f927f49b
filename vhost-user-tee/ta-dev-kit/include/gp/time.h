/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* TEE Internal Core API 1.3.1, chapter 7: time. */
#ifndef GP_TIME_H
#define GP_TIME_H

#include <tee_api_types.h>

__BEGIN_DECLS

void TEE_GetSystemTime(TEE_Time *time);
TEE_Result TEE_Wait(uint32_t timeout);
TEE_Result TEE_GetTAPersistentTime(TEE_Time *time);
TEE_Result TEE_SetTAPersistentTime(const TEE_Time *time);
void TEE_GetREETime(TEE_Time *time);

__END_DECLS

#endif
