/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The pseudo TA behind tee_tcpsocket.h and tee_udpsocket.h. Where the daemon
 * allows a VM's TAs nothing, sessions are refused: TEE_ERROR_ACCESS_DENIED.
 */
#ifndef PTA_SOCKET_H
#define PTA_SOCKET_H

/* 3b996a7d-2c2b-4a49-a896-e1fb5766d2f4 */
#define PTA_SOCKET_UUID \
	{ 0x3b996a7d, 0x2c2b, 0x4a49, { 0xa8, 0x96, 0xe1, 0xfb, 0x57, 0x66, 0xd2, 0xf4 } }

/* Timeouts are in milliseconds. */
#define PTA_SOCKET_TIMEOUT_NONBLOCKING	0
#define PTA_SOCKET_TIMEOUT_BLOCKING	0xffffffff

/*
 * p0 value in: a = TEE_IP_VERSION_*, b = port; p1 memref in: the server's address; p2 value in: a =
 * TEE_ISOCKET_PROTOCOLID_*; p3 value out: a = handle
 */
#define PTA_SOCKET_OPEN			1
/* p0 value in: a = handle */
#define PTA_SOCKET_CLOSE		2
/* p0 value in: a = handle, b = timeout; p1 memref in: data; p2 value out: a = bytes sent */
#define PTA_SOCKET_SEND			3
/* p0 value in: a = handle, b = timeout; p1 memref out: data */
#define PTA_SOCKET_RECV			4
/* p0 value in: a = handle, b = command; p1 memref inout: data */
#define PTA_SOCKET_IOCTL		5

#endif
