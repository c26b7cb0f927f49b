/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* OP-TEE's own: ioctl commands of TCP sockets, each with a uint32_t, the size in bytes. */
#ifndef TEE_TCPSOCKET_DEFINES_EXTENSIONS_H
#define TEE_TCPSOCKET_DEFINES_EXTENSIONS_H

#define TEE_TCP_SET_RECVBUF	0x65f00000
#define TEE_TCP_SET_SENDBUF	0x65f00001

#endif
