/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void out_of_memory(void)
{
	static const char text[] = "berth: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(125);
	_exit(125);
}

static void *checked(void *p)
{
	if (!p)
		out_of_memory();
	return p;
}

void *mem_zalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

char *mem_strdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *mem_strndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

void *mem_dup(const void *p, size_t n)
{
	void *copy = checked(malloc(n ? n : 1));

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *mem_vprintf(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0)
		out_of_memory();
	return s;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = mem_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

void mem_strv_free(char **v)
{
	if (!v)
		return;
	for (char **p = v; *p; p++)
		free(*p);
	free(v);
}

size_t mem_strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

char **mem_strv_dup(char *const *v)
{
	size_t n = mem_strv_len(v);
	char **copy = mem_new_n(char *, n + 1);

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(v[i]);
	return copy;
}

void mem_strv_add(char ***v, const char *s)
{
	size_t n = mem_strv_len(*v);

	/* The array may come from mem_strv_dup() or anybody else, exactly as long as it is: no room may be taken for granted. */
	*v = checked(realloc(*v, sizeof **v * (n + 2)));
	(*v)[n] = mem_strdup(s);
	(*v)[n + 1] = NULL;
}

void mem_grow_to(void **items, size_t *cap, size_t want, size_t size)
{
	size_t now = *cap ? *cap : 8;

	if (want <= *cap)
		return;
	while (now < want) {
		if (now > SIZE_MAX / 2)
			out_of_memory();
		now *= 2;
	}
	if (now > SIZE_MAX / size)
		out_of_memory();
	*items = checked(realloc(*items, now * size));
	memset((char *)*items + *cap * size, 0, (now - *cap) * size);
	*cap = now;
}
