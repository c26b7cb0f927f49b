/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GP TEE Sockets API 1.0: TCP sockets. */
#ifndef TEE_TCPSOCKET_H
#define TEE_TCPSOCKET_H

#include <stdint.h>
#include <tee_isocket.h>
#include <__tee_ipsocket.h>
#include <__tee_tcpsocket_defines.h>

typedef struct TEE_tcpSocket_Setup_s {
	TEE_ipSocket_ipVersion ipVersion;
	char *server_addr;	/* a name, or an address */
	uint16_t server_port;
} TEE_tcpSocket_Setup;

extern TEE_iSocket *const TEE_tcpSocket;

#endif
