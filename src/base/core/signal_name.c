/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/signal_name.h"

#include "base/core/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* At the most two digits, all of the text. */
static int digits(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 2 && strspn(text, "0123456789") == n ? (int)strtol(text, NULL, 10) : -1;
}

static int real_time(const char *name)
{
	bool max = strncasecmp(name, "RTMAX", 5) == 0;
	int base = max ? SIGRTMAX : SIGRTMIN, n;

	if (!max && strncasecmp(name, "RTMIN", 5) != 0)
		return -1;
	if (name[5] == '\0')
		return base;
	n = name[5] == (max ? '-' : '+') ? digits(name + 6) : -1;
	if (n < 0 || n > SIGRTMAX - SIGRTMIN)
		return -1;
	return max ? base - n : base + n;
}

static int named(const char *name)
{
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && strcasecmp(known, name) == 0)
			return i;
	}
	return real_time(name);
}

int signal_number(const char *text, struct err *err)
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int n = digits(text);

	if (n < 0)
		n = named(name);
	return n < 0 || n > SIGRTMAX ? err_set(err, EINVAL, "unknown signal \"%s\"", text) : n;
}
