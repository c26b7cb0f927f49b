/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the number of an algorithm is made of (API 1.3.1, section 6.10.1 says how), and the exceptions: most are
 * algorithms that OP-TEE had before the specification did. A part of <utee_defines.h>.
 */
#ifndef ALGORITHM_PARTS_H
#define ALGORITHM_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tee_api_defines.h>
#include <tee_api_defines_extensions.h>

/* Bits 7 to 0: the main algorithm. */
#define TEE_MAIN_ALGO_MD5		0x01
#define TEE_MAIN_ALGO_SHA1		0x02
#define TEE_MAIN_ALGO_SHA224		0x03
#define TEE_MAIN_ALGO_SHA256		0x04
#define TEE_MAIN_ALGO_SHA384		0x05
#define TEE_MAIN_ALGO_SHA512		0x06
#define TEE_MAIN_ALGO_SM3		0x07
#define TEE_MAIN_ALGO_SHA3_224		0x08
#define TEE_MAIN_ALGO_SHA3_256		0x09
#define TEE_MAIN_ALGO_SHA3_384		0x0a
#define TEE_MAIN_ALGO_SHA3_512		0x0b
#define TEE_MAIN_ALGO_AES		0x10
#define TEE_MAIN_ALGO_DES		0x11
#define TEE_MAIN_ALGO_DES2		0x12
#define TEE_MAIN_ALGO_DES3		0x13
#define TEE_MAIN_ALGO_SM4		0x14
#define TEE_MAIN_ALGO_RSA		0x30
#define TEE_MAIN_ALGO_DSA		0x31
#define TEE_MAIN_ALGO_DH		0x32
#define TEE_MAIN_ALGO_ECDSA		0x41
#define TEE_MAIN_ALGO_ECDH		0x42
#define TEE_MAIN_ALGO_ED25519		0x43
#define TEE_MAIN_ALGO_X25519		0x44
#define TEE_MAIN_ALGO_SM2_DSA_SM3	0x45
#define TEE_MAIN_ALGO_SM2_KEP		0x46
#define TEE_MAIN_ALGO_SM2_PKE		0x47
#define TEE_MAIN_ALGO_X448		0x49
#define TEE_MAIN_ALGO_HKDF		0xc0
#define TEE_MAIN_ALGO_CONCAT_KDF	0xc1
#define TEE_MAIN_ALGO_PBKDF2		0xc2
#define TEE_MAIN_ALGO_SHAKE128		0xc3
#define TEE_MAIN_ALGO_SHAKE256		0xc4

/* Bits 11 to 8: how blocks are chained. */
#define TEE_CHAIN_MODE_ECB_NOPAD	0x0
#define TEE_CHAIN_MODE_CBC_NOPAD	0x1
#define TEE_CHAIN_MODE_CTR		0x2
#define TEE_CHAIN_MODE_CTS		0x3
#define TEE_CHAIN_MODE_XTS		0x4
#define TEE_CHAIN_MODE_CBC_MAC_PKCS5	0x5
#define TEE_CHAIN_MODE_CMAC		0x6
#define TEE_CHAIN_MODE_CCM		0x7
#define TEE_CHAIN_MODE_GCM		0x8
#define TEE_CHAIN_MODE_PKCS1_PSS_MGF1	0x9

#define TEE_ALG_GET_CHAIN_MODE(algo)	(((algo) >> 8) & 0xf)
/* Bits 22 to 20: the hash inside of a padding. */
#define TEE_ALG_GET_INTERNAL_HASH(algo)	(((algo) >> 20) & 0x7)
#define TEE_ALG_GET_CLASS(algo)		__tee_alg_get_class(algo)
#define TEE_ALG_GET_MAIN_ALG(algo)	__tee_alg_get_main_alg(algo)
#define TEE_ALG_GET_DIGEST_HASH(algo)	__tee_alg_get_digest_hash(algo)
#define TEE_ALG_GET_DIGEST_SIZE(algo)	__tee_alg_get_digest_size(algo)
#define TEE_ALG_GET_KEY_TYPE(algo, with_private_key)	__tee_alg_get_key_type(algo, with_private_key)

/* From a hash, as the functions above give it, to the algorithm of a digest or HMAC with it. */
#define TEE_ALG_HASH_ALGO(main_hash)	__tee_alg_hash_algo(main_hash)
#define TEE_ALG_HMAC_ALGO(main_hash)	(TEE_OPERATION_MAC << 28 | (main_hash))
#define TEE_INTERNAL_HASH_TO_ALGO(algo)	TEE_ALG_HASH_ALGO(TEE_ALG_GET_INTERNAL_HASH(algo))
#define TEE_DIGEST_HASH_TO_ALGO(algo)	TEE_ALG_HASH_ALGO(TEE_ALG_GET_DIGEST_HASH(algo))

#define __TEE_MAIN_HASH_SM3		0x7

/* Which TEE_OPERATION_* it is for: bits 31 to 28. */
static inline uint32_t __tee_alg_get_class(uint32_t algo)
{
	switch (algo) {
	case TEE_ALG_SM4_XTS:
		return TEE_OPERATION_CIPHER;
	case TEE_ALG_DES3_CMAC:
		return TEE_OPERATION_MAC;
	case TEE_ALG_SM2_PKE:
	case TEE_ALG_RSAES_PKCS1_OAEP_MGF1_MD5:
		return TEE_OPERATION_ASYMMETRIC_CIPHER;
	case TEE_ALG_RSASSA_PKCS1_V1_5:
	case TEE_ALG_RSASSA_PKCS1_PSS_MGF1_MD5:
		return TEE_OPERATION_ASYMMETRIC_SIGNATURE;
	case TEE_ALG_SM2_KEP:
		return TEE_OPERATION_KEY_DERIVATION;
	default:
		return algo >> 28;
	}
}

static inline uint32_t __tee_alg_get_main_alg(uint32_t algo)
{
	switch (algo) {
	case TEE_ALG_ECDSA_SHA1:
	case TEE_ALG_ECDSA_SHA224:
	case TEE_ALG_ECDSA_SHA256:
	case TEE_ALG_ECDSA_SHA384:
	case TEE_ALG_ECDSA_SHA512:
		return TEE_MAIN_ALGO_ECDSA;
	case TEE_ALG_ED25519:
		return TEE_MAIN_ALGO_ED25519;
	case TEE_ALG_X25519:
		return TEE_MAIN_ALGO_X25519;
	case TEE_ALG_X448:
		return TEE_MAIN_ALGO_X448;
	case TEE_ALG_SM2_PKE:
		return TEE_MAIN_ALGO_SM2_PKE;
	case TEE_ALG_SM2_KEP:
		return TEE_MAIN_ALGO_SM2_KEP;
	case TEE_ALG_HKDF:
		return TEE_MAIN_ALGO_HKDF;
	case TEE_ALG_SHAKE128:
		return TEE_MAIN_ALGO_SHAKE128;
	case TEE_ALG_SHAKE256:
		return TEE_MAIN_ALGO_SHAKE256;
	default:
		return algo & 0xff;
	}
}

/* The hash whose digests are signed: bits 15 to 12. */
static inline uint32_t __tee_alg_get_digest_hash(uint32_t algo)
{
	return algo == TEE_ALG_SM2_DSA_SM3 ? __TEE_MAIN_HASH_SM3 : (algo >> 12) & 0xf;
}

/* A TEE_TYPE_*, of the key pair or of the public or symmetric key. */
static inline uint32_t __tee_alg_get_key_type(uint32_t algo, bool with_priv)
{
	return (with_priv ? 0xa1000000 : 0xa0000000) | __tee_alg_get_main_alg(algo);
}

static inline uint32_t __tee_alg_hash_algo(uint32_t main_hash)
{
	return main_hash == __TEE_MAIN_HASH_SM3 ? TEE_ALG_SM3 : (uint32_t)TEE_OPERATION_DIGEST << 28 | main_hash;
}

/* Bytes of a digest, of a MAC, or of the digest that is signed; 0 for others. */
static inline size_t __tee_alg_get_digest_size(uint32_t algo)
{
	switch (algo) {
	case TEE_ALG_DES_CBC_MAC_NOPAD:
	case TEE_ALG_DES_CBC_MAC_PKCS5:
	case TEE_ALG_DES3_CBC_MAC_NOPAD:
	case TEE_ALG_DES3_CBC_MAC_PKCS5:
	case TEE_ALG_DES3_CMAC:
		return 8;
	case TEE_ALG_MD5:
	case TEE_ALG_HMAC_MD5:
	case TEE_ALG_AES_CBC_MAC_NOPAD:
	case TEE_ALG_AES_CBC_MAC_PKCS5:
	case TEE_ALG_AES_CMAC:
		return 16;
	case TEE_ALG_SHA1:
	case TEE_ALG_HMAC_SHA1:
	case TEE_ALG_DSA_SHA1:
	case TEE_ALG_ECDSA_SHA1:
		return 20;
	case TEE_ALG_SHA224:
	case TEE_ALG_SHA3_224:
	case TEE_ALG_HMAC_SHA224:
	case TEE_ALG_HMAC_SHA3_224:
	case TEE_ALG_DSA_SHA224:
	case TEE_ALG_ECDSA_SHA224:
		return 28;
	case TEE_ALG_SHA256:
	case TEE_ALG_SHA3_256:
	case TEE_ALG_SM3:
	case TEE_ALG_HMAC_SHA256:
	case TEE_ALG_HMAC_SHA3_256:
	case TEE_ALG_HMAC_SM3:
	case TEE_ALG_DSA_SHA256:
	case TEE_ALG_ECDSA_SHA256:
		return 32;
	case TEE_ALG_SHA384:
	case TEE_ALG_SHA3_384:
	case TEE_ALG_HMAC_SHA384:
	case TEE_ALG_HMAC_SHA3_384:
	case TEE_ALG_ECDSA_SHA384:
		return 48;
	case TEE_ALG_SHA512:
	case TEE_ALG_SHA3_512:
	case TEE_ALG_HMAC_SHA512:
	case TEE_ALG_HMAC_SHA3_512:
	case TEE_ALG_ECDSA_SHA512:
		return 64;
	default:
		return 0;
	}
}

#endif
