/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/units.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define WORDS_BYTES_MAX (1u << 20)

int units_count(const char *text, uint64_t *ret, struct err *err)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end != '\0' || errno == ERANGE || n > INT64_MAX)
		return err_set(err, EINVAL, "\"%s\" is not a whole number", text);
	*ret = n;
	return 0;
}

/* digits [ "." digits ] without sign, exponent, hexadecimal or "nan", all of which strtod would take. */
static int decimal(const char *text, double *ret, const char **ret_end)
{
	char number[32];
	size_t n = strspn(text, "0123456789.");

	if (n == 0 || n >= sizeof number || !strpbrk(text, "0123456789"))
		return -EINVAL;
	memcpy(number, text, n);
	number[n] = '\0';
	if (strchr(number, '.') != strrchr(number, '.') || strcmp(number, ".") == 0)
		return -EINVAL;
	*ret = strtod(number, NULL);
	*ret_end = text + n;
	return 0;
}

int units_size(const char *text, uint64_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = {{"", 0},	  {"b", 0},  {"k", 10},	 {"kb", 10},  {"kib", 10}, {"m", 20},  {"mb", 20},
		     {"mib", 20}, {"g", 30}, {"gb", 30}, {"gib", 30}, {"t", 40},   {"tb", 40}, {"tib", 40}};
	const char *unit;
	double n;

	if (decimal(text, &n, &unit) == 0) {
		for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
			if (strcasecmp(unit, units[i].name) != 0)
				continue;
			n *= (double)(1ull << units[i].shift);
			if (n > (double)(INT64_MAX / 2))
				return err_set(err, EINVAL, "\"%s\" is too large", text);
			*ret = (uint64_t)n;
			return 0;
		}
	}
	return err_set(err, EINVAL, "\"%s\" is not a size; write for example 512m or 1.5g", text);
}

int units_cpus(const char *text, uint64_t *ret_milli, struct err *err)
{
	const char *end;
	double n;

	if (decimal(text, &n, &end) < 0 || *end != '\0')
		return err_set(err, EINVAL, "\"%s\" is not a number of cores; write for example 0.5 or 2", text);
	if (n < 0.001 || n > 100000)
		return err_set(err, EINVAL, "\"%s\" is not within 0.001 and 100000 cores", text);
	*ret_milli = (uint64_t)(n * 1000 + 0.5);
	return 0;
}

int units_time(const char *text, uint64_t *ret_ms, struct err *err)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *p = text;
	double total = 0, n;
	size_t i;

	do {
		if (decimal(p, &n, &p) < 0)
			break;
		if (*p == '\0') { /* a plain number, or the last part without a unit: seconds */
			total += n * 1000;
			continue;
		}
		for (i = 0; i < sizeof units / sizeof units[0]; i++) {
			size_t len = strlen(units[i].name);

			if (strncmp(p, units[i].name, len) == 0 && !isalpha((unsigned char)p[len]))
				break;
		}
		if (i == sizeof units / sizeof units[0])
			break;
		total += n * units[i].ms;
		p += strlen(units[i].name);
	} while (*p);
	if (*p || p == text || total > 1e15)
		return err_set(err, EINVAL, "\"%s\" is not a time; write for example 10, 500ms or 1m30s", text);
	*ret_ms = (uint64_t)(total + 0.5);
	return 0;
}

int units_level(const char *text, uint64_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};

	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		if (strcmp(text, levels[i].name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	}
	return err_set(err, EINVAL, "\"%s\" is not one of error, warning, info, debug", text);
}

static int json_words(const char *text, char ***ret, struct err *err)
{
	struct err why = ERR_INIT;
	yyjson_doc *doc json_doc_cleanup = json_parse(text, strlen(text), WORDS_BYTES_MAX, "the list", &why);
	char **words = NULL;
	yyjson_val *item;
	size_t i, n;

	if (!doc)
		return err_set(err, EINVAL, "\"%s\": %s", text, why.text);
	words = mem_new_n(char *, yyjson_arr_size(yyjson_doc_get_root(doc)) + 1);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, item) {
		if (!yyjson_is_str(item) || strlen(yyjson_get_str(item)) != yyjson_get_len(item)) {
			mem_strv_free(words);
			return err_set(err, EINVAL, "\"%s\" is not a list of strings", text);
		}
		words[i] = mem_strdup(yyjson_get_str(item));
	}
	*ret = words;
	return 0;
}

/* Between words. */
#define BLANKS " \t\n\v\f\r"

/* One word from *p on, its quotes removed. Returns 0 or -EINVAL when a quote is not closed. */
static int shell_word(const char **p, struct buf *word)
{
	char quote = 0;

	for (; **p && (quote || !strchr(BLANKS, **p)); (*p)++) {
		char c = **p;

		if (quote && c == quote)
			quote = 0;
		else if (!quote && (c == '\'' || c == '"'))
			quote = c;
		else if (c == '\\' && quote != '\'' && (*p)[1])
			buf_addc(word, *++*p);
		else
			buf_addc(word, c);
	}
	return quote ? -EINVAL : 0;
}

int units_words(const char *text, char ***ret, struct err *err)
{
	char **words = NULL;
	const char *p = text;

	if (*text == '[')
		return json_words(text, ret, err);
	if (strlen(text) > WORDS_BYTES_MAX)
		return err_set(err, EINVAL, "a command line of %zu bytes is too long", strlen(text));
	words = mem_new_n(char *, 1);
	while (*(p += strspn(p, BLANKS))) {
		struct buf word buf_cleanup = BUF_LIMIT(WORDS_BYTES_MAX);

		if (shell_word(&p, &word) < 0) {
			mem_strv_free(words);
			return err_set(err, EINVAL, "\"%s\": a quote is not closed", text);
		}
		mem_strv_add(&words, buf_str(&word));
	}
	*ret = words;
	return 0;
}

/* The zone of a moment: "Z", "+02:00", or nothing for local time. Its seconds east of Greenwich; false when it is none of these. */
static bool read_zone(const char *text, bool *ret_local, long *ret_east)
{
	int hours, minutes, n = 0;

	*ret_local = !*text;
	*ret_east = 0;
	if (!*text || !strcmp(text, "Z") || !strcmp(text, "z"))
		return true;
	if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &n) != 2 || text[1 + n])
		return false;
	*ret_east = (*text == '-' ? -1 : 1) * (hours * 3600l + minutes * 60l);
	return true;
}

/* NULL: it is no date. */
static char *date_moment(const char *text)
{
	struct tm tm = {.tm_isdst = -1};
	const char *end = NULL;
	char fraction[10] = "0";
	size_t digits;
	bool local;
	long east;

	for (const char *const *f = (const char *const[]){"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d", NULL};
	     *f && !end; f++)
		end = strptime(text, *f, &tm);
	if (!end)
		return NULL;
	if (*end == '.') {
		digits = strspn(++end, "0123456789");
		snprintf(fraction, sizeof fraction, "%.*s", digits > 9 ? 9 : (int)digits, end);
		end += digits;
	}
	if (!read_zone(end, &local, &east))
		return NULL;
	return mem_printf("%lld.%s", (long long)(local ? mktime(&tm) : timegm(&tm) - east), fraction);
}

/* Seconds since 1970; what was before is its begin. */
static char *ago(uint64_t ms)
{
	uint64_t now = (uint64_t)clock_wall_ms();

	return mem_printf("%.3f", ms < now ? (double)(now - ms) / 1000 : 0.0);
}

int units_moment(const char *text, char **ret, struct err *err)
{
	size_t whole = strspn(text, "0123456789"),
	       part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") + 1 : 0;
	uint64_t ms;

	if (whole > 0 && !text[whole + part])
		*ret = mem_strdup(text);
	else if (!(*ret = date_moment(text)) && units_time(text, &ms, NULL) == 0)
		*ret = ago(ms);
	return *ret ? 0
		    : err_set(err, EINVAL,
			      "\"%s\" is no time; write 2024-05-01T10:00:00Z, 42m (ago) or seconds since 1970", text);
}
