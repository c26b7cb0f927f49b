/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GP TEE Sockets API 1.0: UDP sockets. */
#ifndef TEE_UDPSOCKET_H
#define TEE_UDPSOCKET_H

#include <stdint.h>
#include <tee_isocket.h>
#include <__tee_ipsocket.h>
#include <__tee_udpsocket_defines.h>

typedef struct TEE_udpSocket_Setup_s {
	TEE_ipSocket_ipVersion ipVersion;
	char *server_addr;	/* a name, or an address */
	uint16_t server_port;
} TEE_udpSocket_Setup;

extern TEE_iSocket *const TEE_udpSocket;

#endif
