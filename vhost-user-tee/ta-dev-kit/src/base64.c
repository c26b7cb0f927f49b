/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <string.h>
#include <base64.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_enc_len(size_t size)
{
	return (size / 3 + (size % 3 != 0)) * 4;
}

bool base64_enc(const void *data, size_t size, char *buf, size_t *blen)
{
	const uint8_t *bytes = data;
	size_t room = *blen;
	size_t i;

	*blen = base64_enc_len(size) + 1;
	if (room < *blen)
		return false;

	for (i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) |
				 (left > 2 ? bytes[i + 2] : 0);

		*buf++ = digits[group >> 18];
		*buf++ = digits[group >> 12 & 63];
		*buf++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*buf++ = left > 2 ? digits[group & 63] : '=';
	}
	*buf = '\0';
	return true;
}

bool base64_dec(const char *data, size_t size, void *buf, size_t *blen)
{
	uint8_t *bytes = buf;
	size_t room = *blen;
	size_t needed = 0;
	uint32_t group = 0;
	unsigned int bits = 0;
	size_t i;

	for (i = 0; i < size && data[i] != '=' && data[i] != '\0'; i++) {
		const char *digit = strchr(digits, data[i]);

		if (!digit)
			continue;
		group = group << 6 | (uint32_t)(digit - digits);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (needed < room && bytes)
			bytes[needed] = (uint8_t)(group >> bits);
		needed++;
	}
	*blen = needed;
	return needed <= room;
}
