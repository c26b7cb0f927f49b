/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <everything.h>

int library_sum(int a, int b)
{
	return a + b + IN_LIBRARY;
}
