/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GP TEE Sockets API 1.0: a socket, of whatever kind. Timeouts are in milliseconds, or TEE_TIMEOUT_INFINITE. */
#ifndef TEE_ISOCKET_H
#define TEE_ISOCKET_H

#include <stdint.h>
#include <tee_api_types.h>
#include <__tee_isocket_defines.h>

typedef void *TEE_iSocketHandle;

typedef const struct TEE_iSocket_s {
	uint32_t TEE_iSocketVersion;
	uint8_t protocolID;
	/* setup is the kind's own; protocolError says more where TEE_ISOCKET_ERROR_PROTOCOL is returned. */
	TEE_Result (*open)(TEE_iSocketHandle *ctx, void *setup, uint32_t *protocolError);
	TEE_Result (*close)(TEE_iSocketHandle ctx);
	/* length in: bytes to send, or room; out: bytes sent or received. */
	TEE_Result (*send)(TEE_iSocketHandle ctx, const void *buf, uint32_t *length, uint32_t timeout);
	TEE_Result (*recv)(TEE_iSocketHandle ctx, void *buf, uint32_t *length, uint32_t timeout);
	/* What came of the last call. */
	uint32_t (*error)(TEE_iSocketHandle ctx);
	TEE_Result (*ioctl)(TEE_iSocketHandle ctx, uint32_t commandCode, void *buf, uint32_t *length);
} TEE_iSocket;

#endif
