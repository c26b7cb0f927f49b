/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A program, not a TA: calls what the kit's headers and src/base64.c implement by themselves. */
#include <atomic.h>
#include <base64.h>
#include <config.h>
#include <confine_array_index.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdlib_ext.h>
#include <string_ext.h>
#include <utee_defines.h>
#include <util.h>

#define CFG_ON	1

static int failures;

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			failures++; \
			fprintf(stderr, "%d: %s\n", __LINE__, #condition); \
		} \
	} while (0)

/* RFC 4648, section 10. */
static void base64(void)
{
	static const char *const pairs[][2] = {
		{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *plain = pairs[i][0], *coded = pairs[i][1];
		char out[16];
		size_t len = strlen(coded);

		CHECK(base64_enc_len(strlen(plain)) == strlen(coded));
		CHECK(!base64_enc(plain, strlen(plain), out, &len) && len == strlen(coded) + 1);
		CHECK(base64_enc(plain, strlen(plain), out, &len) && !strcmp(out, coded));
		len = 0;
		CHECK(base64_dec(coded, strlen(coded), out, &len) == !*plain && len == strlen(plain));
		CHECK(base64_dec(coded, strlen(coded), out, &len) && !memcmp(out, plain, len));
	}
}

static void numbers(void)
{
	int32_t sorted[] = { 3, -5, INT32_MAX, 0, INT32_MIN };
	uint8_t small = 0;
	unsigned int value = 7, old = 7;
	uint32_t count = UINT32_MAX;

	qsort_s32(sorted, ARRAY_SIZE(sorted));
	CHECK(sorted[0] == INT32_MIN && sorted[1] == -5 && sorted[2] == 0 && sorted[4] == INT32_MAX);
	CHECK(get_field_u32(0x123456, 0xff00) == 0x34 && set_field_u32(0x123456, 0xff00, 0xab) == 0x12ab56);
	CHECK(get_field_u64(UINT64_C(0xab) << 56, UINT64_C(0xff) << 56) == 0xab);
	CHECK(ROUNDUP2_DIV(4097u, 4096u) == 2 && ROUNDUP2_DIV(UINT32_MAX, 4096u) == 0x100000);
	CHECK(UDIV_ROUND_NEAREST(7u, 2u) == 4 && UDIV_ROUND_NEAREST(5u, 4u) == 1);
	CHECK(!ROUNDUP_OVERFLOW(200u, 50u, &small) && small == 200);
	CHECK(!ROUNDUP2_OVERFLOW(129u, 32u, &small) && small == 160);
	CHECK(ROUNDUP_OVERFLOW(UINT32_MAX, 4096u, &small) && ROUNDUP_OVERFLOW(250u, 100u, &small));
	CHECK(atomic_inc32(&count) == 0 && atomic_dec32(&count) == UINT32_MAX);
	CHECK(atomic_cas_uint(&value, &old, 9) && value == 9);
	CHECK(!atomic_cas_uint(&value, &old, 11) && old == 9);
	CHECK(IS_ENABLED(CFG_ON) && !IS_ENABLED(CFG_OFF));
	CHECK(confine_array_index(4, 5) == 4 && confine_array_index(5, 5) == 0);
	CHECK(confine_array_index(SIZE_MAX, 5) == 0 && confine_array_index(0, 0) == 0);
}

static void algorithms(void)
{
	CHECK(TEE_ALG_GET_CLASS(TEE_ALG_AES_GCM) == TEE_OPERATION_AE);
	CHECK(TEE_ALG_GET_MAIN_ALG(TEE_ALG_HMAC_SHA256) == TEE_MAIN_ALGO_SHA256);
	CHECK(TEE_ALG_GET_CHAIN_MODE(TEE_ALG_AES_CTR) == TEE_CHAIN_MODE_CTR);
	CHECK(TEE_DIGEST_HASH_TO_ALGO(TEE_ALG_RSASSA_PKCS1_V1_5_SHA384) == TEE_ALG_SHA384);
	CHECK(TEE_INTERNAL_HASH_TO_ALGO(TEE_ALG_RSAES_PKCS1_OAEP_MGF1_SHA256) == TEE_ALG_SHA256);
	CHECK(TEE_ALG_GET_KEY_TYPE(TEE_ALG_RSAES_PKCS1_V1_5, true) == TEE_TYPE_RSA_KEYPAIR);
	CHECK(TEE_ALG_GET_KEY_TYPE(TEE_ALG_AES_CMAC, false) == TEE_TYPE_AES);
	CHECK(TEE_ALG_GET_DIGEST_SIZE(TEE_ALG_HMAC_SHA512) == TEE_SHA512_HASH_SIZE);
}

static void arrays(void)
{
	char text[8] = "acd";

	CHECK(ins_array_elem(text, 4, 1, 1, "b") == text + 1 && !strcmp(text, "abcd"));
	rem_array_elem(text, 5, 1, 0);
	CHECK(!strcmp(text, "bcd"));
	rem_array_elem_zero_pad(text, 3, 1, 1);
	CHECK(!strcmp(text, "bd"));
	ins_array_elem_zero_init(text, 2, 1, 1);
	CHECK(!memcmp(text, "b\0d", 3));
	free_wipe(NULL);
	free_wipe(malloc(100));
}

int main(void)
{
	base64();
	numbers();
	algorithms();
	arrays();
	return failures != 0;
}
