#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# What gp_coverage.c and the linker have to know of the API's functions, from the dev kit's list and headers.
#
#   list-functions.sh <dev kit> <folder>   writes functions.h and wrap.args into the folder
set -eu

kit=$1
out=$2

functions=$(grep -v '^#' "$kit/gp-functions.txt")
give_result=$(sed -n 's/^TEE_Result \([_A-Za-z0-9]*\)(.*/ \1 /p' "$kit"/include/*.h "$kit"/include/gp/*.h)

for name in $functions; do
	case $name in
	*TEE_AllocateOperation) kind=ALLOCATES_OPERATION ;;
	*TEE_AllocateTransientObject) kind=ALLOCATES_OBJECT ;;
	*TEE_FreeOperation | *TEE_FreeTransientObject) kind=FREES ;;
	*Final | *TEE_DigestExtract | *TEE_Asymmetric* | *TEE_GenerateKey) kind=USES_RESULT ;;
	*TEE_DeriveKey) kind=USES ;;
	TEE_Panic) kind=DOES_NOT_RETURN ;;
	*)
		case $give_result in
		*" $name "*) kind=RESULT ;;
		*) kind=PLAIN ;;
		esac
		;;
	esac
	echo "$kind($name)"
done >"$out/functions.h"

printf -- '-Wl,--wrap=%s\n' $functions >"$out/wrap.args"
