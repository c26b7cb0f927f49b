/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Tracing, as OP-TEE's TAs do it: EMSG, IMSG, DMSG and FMSG take printf's arguments and print one line, at
 * level error, info, debug, flow. TRACE_LEVEL (the make variable CFG_TEE_TA_LOG_LEVEL) decides which are
 * compiled at all; trace_set_level() which of those are printed. The ..._RAW ones leave the place out.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <compiler.h>
#include <trace_levels.h>

__BEGIN_DECLS

#ifndef TRACE_LEVEL
#define TRACE_LEVEL	TRACE_MAX
#endif

/* Longest line, with its prefix, newline and end; what is longer is cut. */
#define MAX_PRINT_SIZE		256
#define MAX_FUNC_PRINT_SIZE	32

extern int trace_level;
extern const char trace_ext_prefix[];

void trace_set_level(int level);
int trace_get_level(void);
void trace_ext_puts(const char *str);

void trace_vprintf(const char *func, int line, int level, bool level_ok, const char *fmt, va_list args)
	__printf(5, 0);
void trace_printf(const char *func, int line, int level, bool level_ok, const char *fmt, ...) __printf(5, 6);
void dhex_dump(const char *func, int line, int level, const void *buf, int len);

__END_DECLS

#define trace_printf_helper(level, level_ok, ...) \
	trace_printf(__func__, __LINE__, (level), (level_ok), __VA_ARGS__)
#define trace_printf_helper_raw(level, level_ok, ...) \
	trace_printf(NULL, 0, (level), (level_ok), __VA_ARGS__)
#define __trace(level, ...)	trace_printf_helper((level), true, __VA_ARGS__)
#define __trace_raw(level, ...)	trace_printf_helper_raw((level), true, __VA_ARGS__)
#define __no_trace		((void)0)

/* Printed whatever the level, unless tracing is compiled out. */
#if TRACE_LEVEL > TRACE_MIN
#define MSG(...)		trace_printf_helper(0, false, __VA_ARGS__)
#define MSG_RAW(...)		trace_printf_helper_raw(0, false, __VA_ARGS__)
#define SMSG(...)		__trace(TRACE_ERROR, __VA_ARGS__)
#else
#define MSG(...)		__no_trace
#define MSG_RAW(...)		__no_trace
#define SMSG(...)		__no_trace
#endif

#if TRACE_LEVEL >= TRACE_ERROR
#define EMSG(...)		__trace(TRACE_ERROR, __VA_ARGS__)
#define EMSG_RAW(...)		__trace_raw(TRACE_ERROR, __VA_ARGS__)
#else
#define EMSG(...)		__no_trace
#define EMSG_RAW(...)		__no_trace
#endif

#if TRACE_LEVEL >= TRACE_INFO
#define IMSG(...)		__trace(TRACE_INFO, __VA_ARGS__)
#define IMSG_RAW(...)		__trace_raw(TRACE_INFO, __VA_ARGS__)
#else
#define IMSG(...)		__no_trace
#define IMSG_RAW(...)		__no_trace
#endif

#if TRACE_LEVEL >= TRACE_DEBUG
#define DMSG(...)		__trace(TRACE_DEBUG, __VA_ARGS__)
#define DMSG_RAW(...)		__trace_raw(TRACE_DEBUG, __VA_ARGS__)
#define DHEXDUMP(buf, len)	dhex_dump(__func__, __LINE__, TRACE_DEBUG, (buf), (len))
#else
#define DMSG(...)		__no_trace
#define DMSG_RAW(...)		__no_trace
#define DHEXDUMP(buf, len)	__no_trace
#endif

#if TRACE_LEVEL >= TRACE_FLOW
#define FMSG(...)		__trace(TRACE_FLOW, __VA_ARGS__)
#define FMSG_RAW(...)		__trace_raw(TRACE_FLOW, __VA_ARGS__)
#else
#define FMSG(...)		__no_trace
#define FMSG_RAW(...)		__no_trace
#endif

/* Into a function, out of it, out of it with a result. */
#define INMSG(...)		FMSG("> " __VA_ARGS__)
#define OUTMSG(...)		FMSG("< " __VA_ARGS__)
#define OUTRMSG(r)		do { OUTMSG("r=[%x]", (r)); return (r); } while (0)

#endif
