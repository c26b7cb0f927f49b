/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The check TA: see include/gp_check_ta.h. */
#include <string.h>
#include <tee_internal_api.h>
#include <tee_internal_api_extensions.h>
#include <utee_defines.h>
#include <gp_check_ta.h>

/* Leaves the calling function with the line where the condition does not hold. */
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			EMSG("does not hold: %s", #condition); \
			return CHECK_FAILED | __LINE__; \
		} \
	} while (0)

/* What API 1.1 has of 32 bits. */
#if __OPTEE_CORE_API_COMPAT_1_1
typedef uint32_t len_t;
#else
typedef size_t len_t;
#endif

static TEE_Result check_memory(void)
{
	static const uint32_t hints[] = { TEE_MALLOC_FILL_ZERO, TEE_MALLOC_NO_SHARE,
					  TEE_MALLOC_NO_FILL | TEE_MALLOC_NO_SHARE,
					  TEE_USER_MEM_HINT_NO_FILL_ZERO };
	static int instance;
	uint8_t text[] = "abcdef";
	uint8_t *bytes;
	size_t i;

	for (i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		bytes = TEE_Malloc(1000, hints[i]);
		CHECK(bytes);
		CHECK(hints[i] != TEE_MALLOC_FILL_ZERO || (!bytes[0] && !TEE_MemCompare(bytes, bytes + 1, 999)));
		TEE_MemFill(bytes, 0x3a5, 1000);
		CHECK(bytes[0] == 0xa5 && bytes[999] == 0xa5);
		bytes = TEE_Realloc(bytes, 5000);
		CHECK(bytes && bytes[999] == 0xa5);
		TEE_Free(bytes);
	}
	CHECK(!TEE_Malloc(1, 0x40000000));
	CHECK(!TEE_Malloc(0x7fffffff, TEE_MALLOC_FILL_ZERO));
	bytes = TEE_Malloc(0, TEE_MALLOC_FILL_ZERO);
	CHECK(bytes);
	TEE_Free(bytes);
	TEE_Free(NULL);

	CHECK(TEE_MemCompare("abc", "abd", 3) < 0);
	CHECK(TEE_MemCompare("abd", "abc", 3) > 0);
	CHECK(TEE_MemCompare("\xff" "a", "\x01" "b", 2) > 0);
	CHECK(TEE_MemCompare("abc", "abd", 2) == 0);
	CHECK(TEE_MemCompare(NULL, NULL, 0) == 0);
	TEE_MemMove(text + 2, text, 4);
	CHECK(!memcmp(text, "ababcd", 6));
	TEE_MemMove(NULL, NULL, 0);

	TEE_SetInstanceData(&instance);
	CHECK(TEE_GetInstanceData() == &instance);

	CHECK(TEE_CheckMemoryAccessRights(TEE_MEMORY_ACCESS_READ | TEE_MEMORY_ACCESS_WRITE, text, 6) == TEE_SUCCESS);
	CHECK(TEE_CheckMemoryAccessRights(TEE_MEMORY_ACCESS_WRITE, text, 0) == TEE_SUCCESS);
	CHECK(TEE_CheckMemoryAccessRights(TEE_MEMORY_ACCESS_READ, NULL, 1) == TEE_ERROR_ACCESS_DENIED);
	CHECK(TEE_CheckMemoryAccessRights(TEE_MEMORY_ACCESS_WRITE, (void *)"constant", 8) ==
	      TEE_ERROR_ACCESS_DENIED);
	return TEE_SUCCESS;
}

static TEE_Result check_one_property(const char *name, const char *expected)
{
	char text[80];
	len_t len = sizeof(text);

	CHECK(TEE_GetPropertyAsString(TEE_PROPSET_CURRENT_TA, name, text, &len) == TEE_SUCCESS);
	CHECK(len == strlen(expected) + 1 && !strcmp(text, expected));
	len = strlen(expected);
	CHECK(TEE_GetPropertyAsString(TEE_PROPSET_CURRENT_TA, name, text, &len) == TEE_ERROR_SHORT_BUFFER);
	CHECK(len == strlen(expected) + 1);
	return TEE_SUCCESS;
}

static TEE_Result check_enumeration(TEE_PropSetHandle set, const char *wanted, uint32_t *count)
{
	TEE_PropSetHandle enumerator = TEE_HANDLE_NULL;
	bool seen = false;
	char name[80];
	char value[128];
	len_t len = sizeof(name);

	CHECK(TEE_AllocatePropertyEnumerator(&enumerator) == TEE_SUCCESS);
	CHECK(TEE_GetPropertyName(enumerator, name, &len) == TEE_ERROR_ITEM_NOT_FOUND);
	CHECK(TEE_GetNextProperty(enumerator) == TEE_ERROR_ITEM_NOT_FOUND);
	TEE_StartPropertyEnumerator(enumerator, set);
	*count = 0;
	do {
		len = sizeof(name);
		CHECK(TEE_GetPropertyName(enumerator, name, &len) == TEE_SUCCESS);
		CHECK(len == strlen(name) + 1);
		seen |= !strcmp(name, wanted);
		len = sizeof(value);
		CHECK(TEE_GetPropertyAsString(enumerator, NULL, value, &len) == TEE_SUCCESS);
		CHECK(len == strlen(value) + 1);
		(*count)++;
	} while (TEE_GetNextProperty(enumerator) == TEE_SUCCESS);
	CHECK(seen);
	CHECK(TEE_GetNextProperty(enumerator) == TEE_ERROR_ITEM_NOT_FOUND);
	len = sizeof(value);
	CHECK(TEE_GetPropertyAsString(enumerator, NULL, value, &len) == TEE_ERROR_ITEM_NOT_FOUND);
	TEE_ResetPropertyEnumerator(enumerator);
	CHECK(TEE_GetNextProperty(enumerator) == TEE_ERROR_ITEM_NOT_FOUND);
	TEE_FreePropertyEnumerator(enumerator);
	return TEE_SUCCESS;
}

static TEE_Result check_properties(void)
{
	static const TEE_UUID uuid = GP_CHECK_TA_UUID;
	static const struct { const char *name, *text; } texts[] = {
		{ "check.bool", "true" },
		{ "check.u32", "305419896" },
		{ "check.uuid", "77600ea4-7bc9-4460-bd53-5b9c143a9777" },
		{ "check.identity", "4:77600ea4-7bc9-4460-bd53-5b9c143a9777" },
		{ "check.string", "a string" },
		{ "check.binary", "AAECAwQ=" },
		{ "gpd.ta.singleInstance", "false" },
		{ "gpd.ta.version", "1.0" },
		{ "gpd.ta.endian", "0" },
	};
	const TEE_PropSetHandle ta = TEE_PROPSET_CURRENT_TA;
	TEE_Identity identity;
	uint8_t binary[8];
	TEE_UUID found;
	uint64_t u64;
	uint32_t u32, count;
	TEE_Result res;
	bool flag;
	len_t len;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		res = check_one_property(texts[i].name, texts[i].text);
		if (res != TEE_SUCCESS)
			return res;
	}
	len = 0;
	CHECK(TEE_GetPropertyAsString(ta, "check.string", NULL, &len) == TEE_ERROR_SHORT_BUFFER && len == 9);

	CHECK(TEE_GetPropertyAsBool(ta, "check.bool", &flag) == TEE_SUCCESS && flag);
	CHECK(TEE_GetPropertyAsU32(ta, "check.u32", &u32) == TEE_SUCCESS && u32 == 0x12345678);
	CHECK(TEE_GetPropertyAsU64(ta, "check.u64", &u64) == TEE_SUCCESS && u64 == UINT64_C(0x123456789abcdef0));
	CHECK(TEE_GetPropertyAsUUID(ta, "check.uuid", &found) == TEE_SUCCESS && !memcmp(&found, &uuid, sizeof(uuid)));
	CHECK(TEE_GetPropertyAsIdentity(ta, "check.identity", &identity) == TEE_SUCCESS && identity.login == 4);
	CHECK(!memcmp(&identity.uuid, &uuid, sizeof(uuid)));
	len = sizeof(binary);
	CHECK(TEE_GetPropertyAsBinaryBlock(ta, "check.binary", binary, &len) == TEE_SUCCESS);
	CHECK(len == 5 && !memcmp(binary, "\0\1\2\3\4", 5));
	len = 4;
	CHECK(TEE_GetPropertyAsBinaryBlock(ta, "check.binary", binary, &len) == TEE_ERROR_SHORT_BUFFER && len == 5);

	CHECK(TEE_GetPropertyAsU32(ta, "check.bool", &u32) == TEE_ERROR_BAD_FORMAT);
	CHECK(TEE_GetPropertyAsBool(ta, "check.u32", &flag) == TEE_ERROR_BAD_FORMAT);
	CHECK(TEE_GetPropertyAsU32(ta, "check.nothing", &u32) == TEE_ERROR_ITEM_NOT_FOUND);
	CHECK(TEE_GetPropertyAsU32(TEE_PROPSET_CURRENT_CLIENT, "check.u32", &u32) == TEE_ERROR_ITEM_NOT_FOUND);

	CHECK(TEE_GetPropertyAsUUID(ta, "gpd.ta.appID", &found) == TEE_SUCCESS);
	CHECK(TEE_GetPropertyAsU32(TEE_PROPSET_TEE_IMPLEMENTATION, "gpd.tee.internalCore.version", &u32) ==
	      TEE_SUCCESS && u32 == TEE_CORE_API_VERSION);

	/* From here on OP-TEE 4.5 panics: it makes no text of 64 bits. */
	res = check_one_property("check.u64", "1311768467463790320");
	if (res != TEE_SUCCESS)
		return res;
	res = check_enumeration(ta, "check.identity", &count);
	if (res != TEE_SUCCESS)
		return res;
	CHECK(count == 18);
	res = check_enumeration(TEE_PROPSET_CURRENT_CLIENT, "gpd.client.identity", &count);
	if (res != TEE_SUCCESS)
		return res;
	return check_enumeration(TEE_PROPSET_TEE_IMPLEMENTATION, "gpd.tee.apiversion", &count);
}

static const uint8_t sha256_abc[] = {
	0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
	0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
};

static TEE_Result check_operations(void)
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	TEE_OperationHandle other = TEE_HANDLE_NULL;
	TEE_OperationInfoMultiple multiple;
	TEE_OperationInfo info;
	uint8_t hash[32];
	len_t len;

	CHECK(TEE_IsAlgorithmSupported(TEE_ALG_SHA256, TEE_CRYPTO_ELEMENT_NONE) == TEE_SUCCESS);
	CHECK(TEE_IsAlgorithmSupported(TEE_ALG_SHA256, TEE_ECC_CURVE_NIST_P256) == TEE_ERROR_NOT_SUPPORTED);
	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_AES_CTR, TEE_MODE_ENCRYPT, 100) == TEE_ERROR_NOT_SUPPORTED);
	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_MAC, 0) == TEE_ERROR_NOT_SUPPORTED);
	CHECK(operation == TEE_HANDLE_NULL);

	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	TEE_GetOperationInfo(operation, &info);
	CHECK(info.algorithm == TEE_ALG_SHA256 && info.operationClass == TEE_OPERATION_DIGEST);
	CHECK(info.mode == TEE_MODE_DIGEST && info.digestLength == 32 && !info.keySize && !info.requiredKeyUsage);
	CHECK(info.handleState == (TEE_HANDLE_FLAG_KEY_SET | TEE_HANDLE_FLAG_INITIALIZED));
	len = sizeof(multiple);
	CHECK(TEE_GetOperationInfoMultiple(operation, &multiple, &len) == TEE_SUCCESS);
	CHECK(multiple.algorithm == TEE_ALG_SHA256 && multiple.numberOfKeys == 0);
	CHECK(multiple.operationState == TEE_OPERATION_STATE_INITIAL);

	TEE_DigestUpdate(operation, "ab", 2);
	len = sizeof(multiple);
	CHECK(TEE_GetOperationInfoMultiple(operation, &multiple, &len) == TEE_SUCCESS);
	CHECK(multiple.operationState == TEE_OPERATION_STATE_ACTIVE);

	CHECK(TEE_AllocateOperation(&other, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	TEE_CopyOperation(other, operation);
	TEE_ResetOperation(operation);
	len = sizeof(hash);
	CHECK(TEE_DigestDoFinal(other, "c", 1, hash, &len) == TEE_SUCCESS);
	CHECK(len == 32 && !memcmp(hash, sha256_abc, 32));
	CHECK(TEE_DigestDoFinal(operation, "abc", 3, hash, &len) == TEE_SUCCESS);
	CHECK(len == 32 && !memcmp(hash, sha256_abc, 32));
	TEE_FreeOperation(other);
	TEE_FreeOperation(operation);
#if !__OPTEE_CORE_API_COMPAT_1_1
	TEE_FreeOperation(TEE_HANDLE_NULL);
#endif
	return TEE_SUCCESS;
}

static TEE_Result check_digests(void)
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	TEE_OperationInfo info;
	uint8_t whole[64];
	uint8_t part[64];
	size_t part_len;
	len_t len;

	/* Too little room changes nothing; the digest may lie where the message is. */
	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	TEE_DigestUpdate(operation, "a", 1);
	TEE_DigestUpdate(operation, NULL, 0);
	len = 31;
	CHECK(TEE_DigestDoFinal(operation, "bc", 2, whole, &len) == TEE_ERROR_SHORT_BUFFER && len == 32);
	TEE_MemMove(whole, "bc", 2);
	CHECK(TEE_DigestDoFinal(operation, whole, 2, whole, &len) == TEE_SUCCESS);
	CHECK(!memcmp(whole, sha256_abc, 32));

	/* In parts. */
	TEE_DigestUpdate(operation, "abc", 3);
	part_len = 10;
	CHECK(TEE_DigestExtract(operation, part, &part_len) == TEE_SUCCESS && part_len == 10);
	TEE_GetOperationInfo(operation, &info);
	CHECK(info.handleState & TEE_HANDLE_FLAG_EXTRACTING);
	part_len = sizeof(part) - 10;
	CHECK(TEE_DigestExtract(operation, part + 10, &part_len) == TEE_SUCCESS && part_len == 22);
	CHECK(!memcmp(part, sha256_abc, 32));
	CHECK(TEE_DigestExtract(operation, part, &part_len) == TEE_SUCCESS && part_len == 0);
	TEE_ResetOperation(operation);
	TEE_FreeOperation(operation);

	/* SHAKE goes on for as long as it is asked. */
	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_SHAKE256, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	len = sizeof(whole);
	CHECK(TEE_DigestDoFinal(operation, "abc", 3, whole, &len) == TEE_SUCCESS && len == sizeof(whole));
	TEE_DigestUpdate(operation, "abc", 3);
	part_len = 20;
	CHECK(TEE_DigestExtract(operation, part, &part_len) == TEE_SUCCESS && part_len == 20);
	len = 44;
	CHECK(TEE_DigestDoFinal(operation, NULL, 0, part + 20, &len) == TEE_SUCCESS && len == 44);
	CHECK(!memcmp(part, whole, sizeof(whole)));
	TEE_FreeOperation(operation);
	return TEE_SUCCESS;
}

static TEE_Result check_time(void)
{
	TEE_Time start, end, passed, ree;

	TEE_GetREETime(&ree);
	/* 2020, in seconds since 1970. */
	CHECK(ree.seconds > 1577836800 && ree.millis < 1000);
	TEE_GetSystemTime(&start);
	CHECK(TEE_Wait(30) == TEE_SUCCESS);
	CHECK(TEE_Wait(0) == TEE_SUCCESS);
	TEE_GetSystemTime(&end);
	CHECK(TEE_TIME_LT(start, end));
	TEE_TIME_SUB(end, start, passed);
	CHECK(passed.seconds || passed.millis >= 29);
	return TEE_SUCCESS;
}

/* It is masked when a call begins: each of the calls to this command finds it so. */
static TEE_Result check_cancellation(void)
{
	CHECK(!TEE_GetCancellationFlag());
	CHECK(TEE_MaskCancellation());
	CHECK(TEE_UnmaskCancellation());
	CHECK(!TEE_UnmaskCancellation());
	CHECK(!TEE_GetCancellationFlag());
	CHECK(TEE_Wait(1) == TEE_SUCCESS);
	return TEE_SUCCESS;
}

static TEE_Result check_random(void)
{
	uint8_t a[32] = { 0 };
	uint8_t b[32] = { 0 };

	TEE_GenerateRandom(a, sizeof(a));
	CHECK(memcmp(a, b, sizeof(a)));
	TEE_GenerateRandom(b, sizeof(b));
	CHECK(memcmp(a, b, sizeof(a)));
	TEE_GenerateRandom(NULL, 0);
	return TEE_SUCCESS;
}

static TEE_Result check_uuid(void)
{
	static const TEE_UUID uuid = GP_CHECK_TA_UUID;
	TEE_UUID read;

	CHECK(tee_uuid_from_str(&read, "77600ea4-7bc9-4460-BD53-5b9c143a9777") == TEE_SUCCESS);
	CHECK(!memcmp(&read, &uuid, sizeof(uuid)));
	CHECK(tee_uuid_from_str(&read, "77600ea47bc94460bd535b9c143a9777") == TEE_ERROR_BAD_FORMAT);
	CHECK(tee_uuid_from_str(&read, "77600ea4-7bc9-4460-bd53-5b9c143a977g") == TEE_ERROR_BAD_FORMAT);
	CHECK(tee_uuid_from_str(&read, "") == TEE_ERROR_BAD_FORMAT);
	CHECK(tee_uuid_from_str(&read, NULL) == TEE_ERROR_BAD_FORMAT);
	return TEE_SUCCESS;
}

/* What a well-behaved TA never does. The count is CHECK_WRONG_CALLS. */
static TEE_Result wrong_call(uint32_t which)
{
	TEE_OperationHandle operation = TEE_HANDLE_NULL;
	TEE_OperationHandle other = TEE_HANDLE_NULL;
	TEE_OperationHandle wild = (TEE_OperationHandle)(uintptr_t)0x1234;
	size_t part_len = 1;
	uint8_t hash[64];
	len_t len = sizeof(hash);

	CHECK(TEE_AllocateOperation(&operation, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	CHECK(TEE_AllocateOperation(&other, TEE_ALG_SHA512, TEE_MODE_DIGEST, 0) == TEE_SUCCESS);
	switch (which) {
	case 0:
		TEE_DigestUpdate(TEE_HANDLE_NULL, "a", 1);
		break;
	case 1:
		TEE_DigestUpdate(wild, "a", 1);
		break;
	case 2:
		TEE_DigestUpdate(operation, NULL, 1);
		break;
	case 3:
		TEE_FreeOperation(operation);
		TEE_DigestUpdate(operation, "a", 1);
		break;
	case 4:
		TEE_FreeOperation(operation);
		TEE_FreeOperation(operation);
		break;
	case 5:
		TEE_CopyOperation(operation, other);
		break;
	case 6:
		TEE_DigestExtract(operation, hash, &part_len);
		TEE_DigestUpdate(operation, "a", 1);
		break;
	case 7:
		TEE_DigestExtract(operation, hash, &part_len);
		TEE_DigestDoFinal(operation, "a", 1, hash, &len);
		break;
	case 8:
		TEE_DigestDoFinal(operation, "a", 1, NULL, &len);
		break;
	case 9:
		TEE_DigestDoFinal(operation, "a", 1, hash, NULL);
		break;
	case 10:
		TEE_AllocateOperation(NULL, TEE_ALG_SHA256, TEE_MODE_DIGEST, 0);
		break;
	case 11:
		TEE_GetSystemTime(NULL);
		break;
	case 12:
		TEE_GenerateRandom(NULL, 1);
		break;
	case 13:
		TEE_GetPropertyAsString(TEE_PROPSET_CURRENT_TA, NULL, (char *)hash, &len);
		break;
	case 14:
		TEE_GetNextProperty(TEE_HANDLE_NULL);
		break;
	case 15:
		TEE_StartPropertyEnumerator(TEE_PROPSET_CURRENT_TA, TEE_PROPSET_CURRENT_TA);
		break;
	case 16:
		TEE_MemMove(hash, NULL, 1);
		break;
	case 17:
		TEE_Malloc(1, TEE_MALLOC_NO_FILL);
		break;
	default:
		return TEE_ERROR_BAD_PARAMETERS;
	}
	return TEE_SUCCESS;
}

TEE_Result TA_CreateEntryPoint(void)
{
	return TEE_SUCCESS;
}

void TA_DestroyEntryPoint(void)
{
}

TEE_Result TA_OpenSessionEntryPoint(uint32_t types, TEE_Param params[TEE_NUM_PARAMS], void **session)
{
	(void)types;
	(void)params;
	*session = NULL;
	return TEE_SUCCESS;
}

void TA_CloseSessionEntryPoint(void *session)
{
	(void)session;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t command, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	(void)session;

	switch (command) {
	case CHECK_CMD_MEMORY:
		return check_memory();
	case CHECK_CMD_PROPERTIES:
		return check_properties();
	case CHECK_CMD_OPERATIONS:
		return check_operations();
	case CHECK_CMD_DIGESTS:
		return check_digests();
	case CHECK_CMD_TIME:
		return check_time();
	case CHECK_CMD_CANCELLATION:
		return check_cancellation();
	case CHECK_CMD_RANDOM:
		return check_random();
	case CHECK_CMD_UUID:
		return check_uuid();
	case CHECK_CMD_WRONG:
		if (TEE_PARAM_TYPE_GET(types, 0) != TEE_PARAM_TYPE_VALUE_INPUT)
			return TEE_ERROR_BAD_PARAMETERS;
		return wrong_call(params[0].value.a);
	case CHECK_CMD_MEMREF:
		if (TEE_PARAM_TYPE_GET(types, 0) != TEE_PARAM_TYPE_MEMREF_OUTPUT)
			return TEE_ERROR_BAD_PARAMETERS;
		TEE_MemFill(params[0].memref.buffer, 0x11, params[0].memref.size);
		params[0].memref.size /= 2;
		return TEE_SUCCESS;
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
}
