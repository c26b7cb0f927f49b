/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GP TEE Sockets API 1.0: UDP. */
#ifndef TEE_UDPSOCKET_DEFINES_H
#define TEE_UDPSOCKET_DEFINES_H

#define TEE_ISOCKET_PROTOCOLID_UDP			0x66
#define TEE_ISOCKET_UDP_WARNING_UNKNOWN_OUT_OF_BAND	0xF1020002

/* ioctl commands: another address, a string; another port, a uint16_t. */
#define TEE_UDP_CHANGEADDR				0x66000001
#define TEE_UDP_CHANGEPORT				0x66000002

#endif
