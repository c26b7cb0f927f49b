#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Every function of gp-functions.txt is declared by <tee_internal_api.h> and the extensions' header, every header
# compiles alone, as C and as C++, with API 1.1 asked for too, and no warning is given.
#
#   tests/headers.sh <folder for temporary files> <C compiler>
set -eu

kit=$(cd "$(dirname "$0")/.." && pwd)
out=$1
flags="-Wall -Wextra -Werror -fsyntax-only -I$kit/include"
cc="$2 -std=gnu11 $flags"

{
	echo '#include <tee_internal_api.h>'
	echo '#include <tee_internal_api_extensions.h>'
	echo 'extern const void *functions[];'
	echo 'const void *functions[] = {'
	grep -v '^#' "$kit/gp-functions.txt" | sed 's/.*/	(const void *)(uintptr_t)&,/'
	echo '};'
} >"$out/functions.c"
$cc "$out/functions.c"
rm "$out/functions.c"

cd "$kit/include"
for header in $(find . -name '*.h' | sort); do
	for api in '' -D__OPTEE_CORE_API_COMPAT_1_1=1; do
		# shellcheck disable=SC2086 # empty, or one word
		printf '#include "%s"\n' "$header" | $cc $api -x c -
		# shellcheck disable=SC2086
		printf '#include "%s"\n' "$header" | $2 $flags $api -x c++ -
	done
done
echo "headers: $(grep -vc '^#' "$kit/gp-functions.txt") functions declared"
