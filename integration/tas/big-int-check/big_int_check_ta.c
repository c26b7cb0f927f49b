/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The big integer TA: see include/big_int_check_ta.h. */
#include <tee_internal_api.h>
#include <big_int_check_ta.h>

#define MAX_OPERANDS	3
#define MAX_RESULTS	3
#define MAX_ALLOCATED	12
/* Behind every big integer: nothing may be written there. */
#define GUARD		0x5aa55aa5

/* What API 1.1 has of 32 bits. */
#if __OPTEE_CORE_API_COMPAT_1_1
typedef uint32_t len_t;
#else
typedef size_t len_t;
#endif

struct operand {
	bool negative;
	const uint8_t *bytes;
	size_t len;
	TEE_BigInt *number;
};

struct call {
	uint32_t a;
	uint32_t b;
	struct operand operands[MAX_OPERANDS];
	size_t num_operands;
	TEE_BigInt *results[MAX_RESULTS];
};

/* All that the call has allocated. */
static struct {
	uint32_t *words;
	size_t len;
} allocated[MAX_ALLOCATED];
static size_t num_allocated;

static uint32_t *allocate(size_t len)
{
	uint32_t *words = TEE_Malloc((len + 1) * sizeof(*words), TEE_MALLOC_FILL_ZERO);

	if (!words || num_allocated == MAX_ALLOCATED)
		TEE_Panic(TEE_ERROR_OUT_OF_MEMORY);
	TEE_MemFill(words, 0x77, len * sizeof(*words));
	words[len] = GUARD;
	allocated[num_allocated].words = words;
	allocated[num_allocated++].len = len;
	return words;
}

/* Frees everything; false where something was written to that should not have been. */
static bool free_all(void)
{
	bool whole = true;
	size_t i;

	for (i = 0; i < num_allocated; i++) {
		whole &= allocated[i].words[allocated[i].len] == GUARD;
		TEE_Free(allocated[i].words);
	}
	num_allocated = 0;
	return whole;
}

static TEE_BigInt *new_number(size_t bits)
{
	size_t len = TEE_BigIntSizeInU32(bits);
	TEE_BigInt *number = allocate(len);

	TEE_BigIntInit(number, len);
	return number;
}

static bool get(const uint8_t **at, size_t *left, void *to, size_t len)
{
	if (*left < len)
		return false;
	TEE_MemMove(to, *at, len);
	*at += len;
	*left -= len;
	return true;
}

static TEE_Result get_operands(struct call *call, const uint8_t *at, size_t left)
{
	uint32_t head[2];

	while (left) {
		struct operand *operand = &call->operands[call->num_operands];
		size_t bits;

		if (call->num_operands == MAX_OPERANDS || !get(&at, &left, head, sizeof(head)) || left < head[1])
			return TEE_ERROR_BAD_PARAMETERS;
		operand->negative = head[0];
		operand->bytes = at;
		operand->len = head[1];
		at += head[1];
		left -= head[1];

		call->num_operands++;
		bits = 8 * operand->len;
		if (BIG_INT_OVER(call->b) == call->num_operands && BIG_INT_CAPACITY(call->b) > bits)
			bits = BIG_INT_CAPACITY(call->b);
		operand->number = new_number(bits);
		if (TEE_BigIntConvertFromOctetString(operand->number, operand->bytes, operand->len,
						     operand->negative ? -1 : 1) != TEE_SUCCESS)
			return TEE_ERROR_GENERIC;
	}
	return TEE_SUCCESS;
}

static TEE_Result put(uint8_t **at, size_t *left, bool negative, const void *bytes, size_t len)
{
	uint32_t head[2] = { negative, len };

	if (*left < sizeof(head) + len)
		return TEE_ERROR_SHORT_BUFFER;
	TEE_MemMove(*at, head, sizeof(head));
	TEE_MemMove(*at + sizeof(head), bytes, len);
	*at += sizeof(head) + len;
	*left -= sizeof(head) + len;
	return TEE_SUCCESS;
}

static TEE_Result put_results(const struct call *call, size_t count, uint8_t *buffer, size_t *size)
{
	static uint8_t bytes[2048];
	uint8_t *at = buffer;
	size_t left = *size;
	size_t i;

	for (i = 0; i < count; i++) {
		const TEE_BigInt *result = call->results[i];
		len_t len = sizeof(bytes);
		TEE_Result res;

		if (!result)
			continue;
		res = TEE_BigIntConvertToOctetString(bytes, &len, result);
		if (res == TEE_SUCCESS)
			res = put(&at, &left, TEE_BigIntCmpS32(result, 0) < 0, bytes, len);
		if (res != TEE_SUCCESS)
			return res;
	}
	*size = at - buffer;
	return TEE_SUCCESS;
}

static TEE_BigIntFMMContext *new_context(const TEE_BigInt *modulus, bool with_result)
{
	size_t len = TEE_BigIntFMMContextSizeInU32(TEE_BigIntGetBitCount(modulus));
	TEE_BigIntFMMContext *context = allocate(len);

	if (!with_result)
		TEE_BigIntInitFMMContext(context, len, modulus);
	else if (TEE_BigIntInitFMMContext1(context, len, modulus) != TEE_SUCCESS)
		TEE_Panic(TEE_ERROR_GENERIC);
	return context;
}

static TEE_BigIntFMM *new_form(const TEE_BigInt *modulus)
{
	size_t len = TEE_BigIntFMMSizeInU32(TEE_BigIntGetBitCount(modulus));
	TEE_BigIntFMM *form = allocate(len);

	TEE_BigIntInitFMM(form, len);
	return form;
}

static void multiply(TEE_BigInt *dest, const TEE_BigInt *op1, const TEE_BigInt *op2, const TEE_BigInt *n,
		     bool with_result)
{
	TEE_BigIntFMMContext *context = new_context(n, with_result);
	TEE_BigIntFMM *form1 = new_form(n);
	TEE_BigIntFMM *form2 = new_form(n);

	TEE_BigIntConvertToFMM(form1, op1, n, context);
	TEE_BigIntConvertToFMM(form2, op2, n, context);
	TEE_BigIntComputeFMM(form2, form1, form2, n, context);
	TEE_BigIntConvertFromFMM(dest, form2, n, context);
}

static void power(TEE_BigInt *dest, const TEE_BigInt *op, uint32_t exponent, const TEE_BigInt *n)
{
	TEE_BigIntFMMContext *context = new_context(n, true);
	TEE_BigIntFMM *base = new_form(n);
	TEE_BigIntFMM *form = new_form(n);
	TEE_BigInt *one = new_number(1);

	TEE_BigIntConvertFromS32(one, 1);
	TEE_BigIntConvertToFMM(form, one, n, context);
	TEE_BigIntConvertToFMM(base, op, n, context);
	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			TEE_BigIntComputeFMM(form, form, base, n, context);
		TEE_BigIntComputeFMM(base, base, base, n, context);
	}
	TEE_BigIntConvertFromFMM(dest, form, n, context);
}

/* Calls the function. *returned is what it returns, *count how many results it has. */
static TEE_Result compute(uint32_t function, struct call *call, uint32_t *returned, size_t *count)
{
	TEE_BigInt **d = call->results;
	const TEE_BigInt *op1 = call->operands[0].number;
	const TEE_BigInt *op2 = BIG_INT_SAME(call->b) ? op1 : call->operands[1].number;
	const TEE_BigInt *op3 = call->operands[2].number;

	*returned = TEE_SUCCESS;
	*count = 1;
	switch (function) {
	case BIG_INT_FROM_OCTETS:
		*returned = TEE_BigIntConvertFromOctetString(d[0], call->operands[0].bytes, call->operands[0].len,
							     (int32_t)call->a);
		break;
	case BIG_INT_FROM_S32:
		TEE_BigIntConvertFromS32(d[0], (int32_t)call->a);
		break;
	case BIG_INT_TO_S32:
		*count = 0;
		*returned = TEE_BigIntConvertToS32((int32_t *)&call->b, op1);
		break;
	case BIG_INT_CMP:
		*count = 0;
		*returned = TEE_BigIntCmp(op1, op2);
		break;
	case BIG_INT_CMP_S32:
		*count = 0;
		*returned = TEE_BigIntCmpS32(op1, (int32_t)call->a);
		break;
	case BIG_INT_SHIFT_RIGHT:
		TEE_BigIntShiftRight(d[0], op1, call->a);
		break;
	case BIG_INT_GET_BIT:
		*count = 0;
		*returned = TEE_BigIntGetBit(op1, call->a);
		break;
	case BIG_INT_GET_BIT_COUNT:
		*count = 0;
		*returned = TEE_BigIntGetBitCount(op1);
		break;
	case BIG_INT_SET_BIT:
		*returned = TEE_BigIntSetBit(d[0], call->a & ~(1u << 31), call->a >> 31);
		break;
	case BIG_INT_ASSIGN:
		*returned = TEE_BigIntAssign(d[0], op1);
		break;
	case BIG_INT_ABS:
		*returned = TEE_BigIntAbs(d[0], op1);
		break;
	case BIG_INT_ADD:
		TEE_BigIntAdd(d[0], op1, op2);
		break;
	case BIG_INT_SUB:
		TEE_BigIntSub(d[0], op1, op2);
		break;
	case BIG_INT_NEG:
		TEE_BigIntNeg(d[0], op1);
		break;
	case BIG_INT_MUL:
		TEE_BigIntMul(d[0], op1, op2);
		break;
	case BIG_INT_SQUARE:
		TEE_BigIntSquare(d[0], op1);
		break;
	case BIG_INT_DIV:
		*count = 2;
		TEE_BigIntDiv(d[0], d[1], op1, op2);
		break;
	case BIG_INT_MOD:
		TEE_BigIntMod(d[0], op1, op2);
		break;
	case BIG_INT_ADD_MOD:
		TEE_BigIntAddMod(d[0], op1, op2, op3);
		break;
	case BIG_INT_SUB_MOD:
		TEE_BigIntSubMod(d[0], op1, op2, op3);
		break;
	case BIG_INT_MUL_MOD:
		TEE_BigIntMulMod(d[0], op1, op2, op3);
		break;
	case BIG_INT_SQUARE_MOD:
		TEE_BigIntSquareMod(d[0], op1, op2);
		break;
	case BIG_INT_INV_MOD:
		TEE_BigIntInvMod(d[0], op1, op2);
		break;
	case BIG_INT_EXP_MOD:
		*returned = TEE_BigIntExpMod(d[0], op1, op2, op3, call->a ? new_context(op3, true) : NULL);
		break;
	case BIG_INT_RELATIVE_PRIME:
		*count = 0;
		*returned = TEE_BigIntRelativePrime(op1, op2);
		break;
	case BIG_INT_EXTENDED_GCD:
		*count = 3;
		TEE_BigIntComputeExtendedGcd(d[0], d[1], d[2], op1, op2);
		break;
	case BIG_INT_IS_PRIME:
		*count = 0;
		*returned = TEE_BigIntIsProbablePrime(op1, call->a);
		break;
	case BIG_INT_FMM:
		multiply(d[0], op1, op2, op3, call->a);
		break;
	case BIG_INT_FMM_POWER:
		power(d[0], op1, call->a, op2);
		break;
	case BIG_INT_SIZES:
		*count = 0;
		*returned = TEE_BigIntFMMSizeInU32(call->a);
		call->b = TEE_BigIntFMMContextSizeInU32(call->a);
		break;
	case BIG_INT_LIMIT:
		*count = 0;
		return TEE_GetPropertyAsU32(TEE_PROPSET_TEE_IMPLEMENTATION, "gpd.tee.arith.maxBigIntSize", returned);
	default:
		return TEE_ERROR_NOT_SUPPORTED;
	}
	return TEE_SUCCESS;
}

static TEE_Result to_octets(struct call *call, uint32_t *returned, uint8_t *buffer, size_t *size)
{
	uint8_t *bytes = TEE_Malloc(call->a, TEE_MALLOC_FILL_ZERO);
	TEE_Result res;
	size_t left = *size;
	uint8_t *at = buffer;
	len_t len = call->a;

	if (!bytes)
		return TEE_ERROR_OUT_OF_MEMORY;
	*returned = TEE_BigIntConvertToOctetString(bytes, &len, call->operands[0].number);
	call->b = len;
	res = put(&at, &left, false, bytes, call->a);
	*size = at - buffer;
	TEE_Free(bytes);
	return res;
}

static TEE_Result wrong_call(uint32_t which)
{
	static TEE_BigInt large[513];
	TEE_BigInt number[TEE_BigIntSizeInU32(64)];
	TEE_BigInt empty[2];
	TEE_BigInt garbage[8];
	TEE_BigInt odd[TEE_BigIntSizeInU32(64)];
	uint32_t context[TEE_BigIntSizeInU32(64)];
	len_t len = 4;

	TEE_MemFill(garbage, 0xa5, sizeof(garbage));
	TEE_BigIntInit(number, sizeof(number) / sizeof(*number));
	TEE_BigIntConvertFromS32(number, 0x12345);
	TEE_BigIntInit(odd, sizeof(odd) / sizeof(*odd));
	TEE_BigIntConvertFromOctetString(odd, (const uint8_t *)"\xff\x02\x03\x04\x05", 5, 0);
	TEE_BigIntInit(empty, 2);
	switch (which) {
	case 0:
		TEE_BigIntInit(NULL, 4);
		break;
	case 1:
		TEE_BigIntInit(garbage, 1);
		break;
	case 2:
		TEE_BigIntInit(garbage, 0);
		break;
	case 3:
		TEE_BigIntInit(large, 513);
		break;
	case 4:
		TEE_BigIntAdd(garbage, number, number);
		break;
	case 5:
		TEE_BigIntAdd(number, garbage, number);
		break;
	case 6:
		TEE_BigIntCmp(NULL, number);
		break;
	case 7:
		TEE_BigIntConvertFromS32(empty, 1);
		break;
	case 8:
		TEE_BigIntConvertToOctetString((uint8_t *)garbage, NULL, number);
		break;
	case 9:
		TEE_BigIntConvertToOctetString(NULL, &len, number);
		break;
	case 10:
		TEE_BigIntConvertFromOctetString(number, NULL, 1, 0);
		break;
	case 11:
		TEE_BigIntConvertToS32(NULL, number);
		break;
	case 12:
		TEE_BigIntInitFMMContext(context, TEE_BigIntFMMContextSizeInU32(40) - 1, odd);
		break;
	case 13:
		TEE_BigIntConvertFromS32(number, 1);
		TEE_BigIntInitFMMContext(context, TEE_BigIntFMMContextSizeInU32(64), number);
		break;
	case 14:
		TEE_BigIntInitFMMContext(context, TEE_BigIntFMMContextSizeInU32(64), odd);
		TEE_BigIntConvertToFMM(number, number, number, context);
		break;
	case 15:
		/* No form: it is as large as the modulus. */
		TEE_BigIntInitFMMContext(context, TEE_BigIntFMMContextSizeInU32(64), odd);
		TEE_BigIntComputeFMM(number, odd, number, odd, context);
		break;
	case 16:
		TEE_BigIntConvertFromFMM(number, number, odd, NULL);
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

static TEE_Result one_call(uint32_t function, struct call *call, TEE_Param params[TEE_NUM_PARAMS])
{
	uint8_t *out = params[2].memref.buffer;
	size_t out_size = params[2].memref.size;
	uint32_t returned = 0;
	size_t count, i;
	TEE_Result res;

	res = get_operands(call, params[1].memref.buffer, params[1].memref.size);
	if (res != TEE_SUCCESS)
		return res;
	if (BIG_INT_OVER(call->b) > call->num_operands)
		return TEE_ERROR_BAD_PARAMETERS;
	for (i = 0; i < MAX_RESULTS; i++)
		call->results[i] = BIG_INT_NULL(call->b) & (1 << i) ? NULL : new_number(BIG_INT_CAPACITY(call->b));
	if (BIG_INT_OVER(call->b))
		call->results[0] = call->operands[BIG_INT_OVER(call->b) - 1].number;

	if (function == BIG_INT_TO_OCTETS) {
		res = to_octets(call, &returned, out, &out_size);
	} else {
		res = compute(function, call, &returned, &count);
		if (res == TEE_SUCCESS)
			res = put_results(call, count, out, &out_size);
	}
	params[0].value.a = returned;
	params[0].value.b = call->b;
	params[2].memref.size = out_size;
	return res;
}

TEE_Result TA_InvokeCommandEntryPoint(void *session, uint32_t function, uint32_t types,
				      TEE_Param params[TEE_NUM_PARAMS])
{
	struct call call = { 0 };
	TEE_Result res;

	(void)session;
	if (function == BIG_INT_WRONG) {
		if (TEE_PARAM_TYPE_GET(types, 0) != TEE_PARAM_TYPE_VALUE_INPUT)
			return TEE_ERROR_BAD_PARAMETERS;
		return wrong_call(params[0].value.a);
	}
	if (types != TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_INOUT, TEE_PARAM_TYPE_MEMREF_INPUT,
				     TEE_PARAM_TYPE_MEMREF_OUTPUT, TEE_PARAM_TYPE_NONE))
		return TEE_ERROR_BAD_PARAMETERS;
	call.a = params[0].value.a;
	call.b = params[0].value.b;
	res = one_call(function, &call, params);
	return free_all() ? res : TEE_ERROR_CORRUPT_OBJECT;
}
