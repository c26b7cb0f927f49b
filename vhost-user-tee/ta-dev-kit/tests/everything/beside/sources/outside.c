/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <everything.h>

int outside(void)
{
	return 30;
}
