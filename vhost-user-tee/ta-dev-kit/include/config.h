/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * IS_ENABLED(CFG_…) is true where the variable is y, so a macro that stands for 1, and false where it is n or
 * not set, so no macro: an expression, for use in plain code.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>

/* Only after 1 does the marker become an argument of its own, and push true to the second place. */
#define __CONFIG_MARK_1			~,
#define __CONFIG_SECOND(first, second, ...)	second
#define __CONFIG_PICK(marked)		__CONFIG_SECOND(marked true, false, ~)
#define __CONFIG_JOIN(value)		__CONFIG_PICK(__CONFIG_MARK_##value)

#define IS_ENABLED(config_macro)	__CONFIG_JOIN(config_macro)
/* Inside of another IS_ENABLED. */
#define IS_ENABLED2(config_macro)	IS_ENABLED(config_macro)

#endif
