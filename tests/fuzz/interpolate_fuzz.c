/* SPDX-License-Identifier: Apache-2.0
 *
 * The small parsers of the loader on one text: interpolation, words of a command, .env files, scalars. Needs compose_dep.
 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/compose/arena.h"
#include "face/compose/dotenv.h"
#include "face/compose/interpolate.h"
#include "face/compose/scalar.h"
#include "face/compose/words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(void *ctx, const char *name)
{
	(void)ctx;
	return *name == 'A' ? "a value" : *name == 'E' ? "" : NULL;
}

static void set(void *ctx, const char *name, const char *value)
{
	size_t *n = ctx;

	*n += strlen(name) + (value ? strlen(value) : 0);
}

static void try_scalars(const char *text)
{
	char signal[SCALAR_SIGNAL_MAX];
	double number;
	int64_t value;
	bool truth;

	if (scalar_duration(text, &value) && (value < 0 || value > INT64_C(1) << 40))
		abort();
	if (scalar_size(text, &value) && (value < 0 || value > INT64_C(1) << 53))
		abort();
	if (scalar_cpus(text, &value) && (value < 0 || value > 1000000000))
		abort();
	if (scalar_mode(text, &value) && (value < 0 || value > 07777))
		abort();
	if (scalar_signal(text, signal) && strncmp(signal, "SIG", 3) != 0)
		abort();
	(void)scalar_int(text, &value);
	(void)scalar_number(text, &number);
	(void)scalar_bool(text, true, &truth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mem_cleanup char *text = mem_strndup((const char *)data, size);
	struct buf out = BUF_LIMIT(1 << 16);
	struct interpolate in = {.lookup = lookup};
	size_t n = 0;
	struct dotenv d = {.lookup = lookup, .set = set, .ctx = &n, .raw = size & 1};
	struct arena a = {0};
	struct strings words = {0};
	const char *why = NULL;

	if (interpolate_text(&in, text, &out) < 0 && !in.why[0])
		abort();
	if (dotenv_parse(&d, text) < 0 && !d.why[0])
		abort();
	if (!words_split(&a, text, &words, &why) && !why)
		abort();
	try_scalars(text);
	arena_free(&a);
	buf_free(&out);
	return 0;
}
