/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/outlet.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <endian.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATTERN_MAX 256
#define TAG_DEFAULT "{{.ID}}"
#define FACILITY_DEFAULT "daemon"

static const char *option(yyjson_val *options, const char *name)
{
	return yyjson_get_str(yyjson_obj_get(options, name));
}

/* ---- which options there are ---- */

/* Bits by driver. */
enum { FILES = 1 << SPEC_LOG_DEFAULT | 1 << SPEC_LOG_JSON_FILE, LOCAL = 1 << SPEC_LOG_LOCAL };
enum { JOURNAL = 1 << SPEC_LOG_JOURNALD, SYSLOG = 1 << SPEC_LOG_SYSLOG, OUT = JOURNAL | SYSLOG };
enum { ANY = FILES | LOCAL | OUT | 1 << SPEC_LOG_NONE };

static const struct {
	const char *name;
	unsigned drivers;
} known_options[] = {
    {"max-size", FILES | LOCAL}, {"max-file", FILES | LOCAL}, {"compress", FILES | LOCAL},   {"env", FILES | OUT},
    {"env-regex", FILES | OUT},	 {"labels", FILES | OUT},     {"labels-regex", FILES | OUT}, {"tag", FILES | OUT},
    {"syslog-address", SYSLOG},	 {"syslog-facility", SYSLOG}, {"syslog-format", SYSLOG},     {"mode", ANY},
    {"max-buffer-size", ANY},	 {"cache-disabled", ANY},     {"cache-max-size", ANY},	     {"cache-max-file", ANY},
    {"cache-compress", ANY},
};

static const char *driver_name(enum spec_log driver)
{
	static const char *const names[] = {
	    [SPEC_LOG_JOURNALD] = "journald",
	    [SPEC_LOG_LOCAL] = "local",
	    [SPEC_LOG_NONE] = "none",
	    [SPEC_LOG_SYSLOG] = "syslog",
	};

	return (size_t)driver < sizeof names / sizeof *names && names[driver] ? names[driver] : "json-file";
}

static int check_name(enum spec_log driver, const char *name, struct err *err)
{
	for (size_t i = 0; i < sizeof known_options / sizeof *known_options; i++) {
		if (!strcmp(known_options[i].name, name) && (known_options[i].drivers & 1u << driver))
			return 0;
	}
	return err_set(err, EINVAL, "unknown log opt '%.100s' for %s log driver", name, driver_name(driver));
}

static int check_word(yyjson_val *options, const char *name, const char *const *words, struct err *err)
{
	const char *text = option(options, name);

	for (size_t i = 0; text && words[i]; i++) {
		if (!strcmp(text, words[i]))
			return (int)i;
	}
	return text ? err_set(err, EINVAL, "invalid value for %s: \"%.100s\"", name, text) : 0;
}

static const char *const formats[] = {"", "rfc3164", "rfc5424", "rfc5424micro", NULL};

static int check_words(yyjson_val *options, struct err *err)
{
	static const char *const modes[] = {"", "blocking", "non-blocking", NULL};
	static const char *const flags[] = {"false", "true", "0", "1", NULL};
	static const struct {
		const char *name;
		const char *const *words;
	} rows[] = {{"mode", modes},
		    {"compress", flags},
		    {"cache-disabled", flags},
		    {"cache-compress", flags},
		    {"syslog-format", formats}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (check_word(options, rows[i].name, rows[i].words, err) < 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- syslog's address and facility ---- */

static int set_path(struct outlet_form *f, const char *path, struct err *err)
{
	if (*path != '/' || strlen(path) > 107)
		return err_set(err, EINVAL, "syslog-address: \"%.200s\" is no path of a socket", path);
	f->host = mem_strdup(path);
	return 0;
}

static int set_host(struct outlet_form *f, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':'), *end = text + strlen(text);
	bool brackets = *text == '[';

	if (colon && !(brackets && end[-1] == ']'))
		end = colon;
	else
		colon = NULL;
	f->port = mem_strdup(colon && colon[1] ? colon + 1 : "514");
	if (strspn(f->port, "0123456789") != strlen(f->port) || strtoul(f->port, NULL, 10) > UINT16_MAX)
		return err_set(err, EINVAL, "syslog-address: \"%.200s\" has no port from 0 to 65535", text);
	if (brackets && end - text > 2 && end[-1] == ']')
		f->host = mem_strndup(text + 1, (size_t)(end - text) - 2);
	else
		f->host = mem_strndup(text, (size_t)(end - text));
	if (!*f->host || strpbrk(f->host, "/[] "))
		return err_set(err, EINVAL, "syslog-address: \"%.200s\" is not HOST:PORT", text);
	return 0;
}

static int set_address(struct outlet_form *f, const char *text, struct err *err)
{
	static const struct {
		const char *scheme;
		enum outlet_way way;
	} ways[] = {{"unix://", OUTLET_STREAM},
		    {"unixgram://", OUTLET_DATAGRAM},
		    {"udp://", OUTLET_UDP},
		    {"tcp://", OUTLET_TCP}};

	if (!text || !*text)
		return 0;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		size_t n = strlen(ways[i].scheme);

		if (strncmp(text, ways[i].scheme, n) != 0)
			continue;
		f->way = ways[i].way;
		return f->way == OUTLET_STREAM || f->way == OUTLET_DATAGRAM ? set_path(f, text + n, err)
									    : set_host(f, text + n, err);
	}
	if (!strstr(text, "://"))
		return err_set(err, EINVAL, "syslog-address should be in form proto://address, got %.200s", text);
	return err_set(err, EINVAL, "syslog-address \"%.200s\": unix, unixgram, udp and tcp are known", text);
}

static int read_facility(const char *text, struct err *err)
{
	static const char *const names[] = {"kern",   "user",	"mail",	  "daemon", "auth",	"syslog",
					    "lpr",    "news",	"uucp",	  "cron",   "authpriv", "ftp",
					    "",	      "",	"",	  "",	    "local0",	"local1",
					    "local2", "local3", "local4", "local5", "local6",	"local7"};
	const int n = sizeof names / sizeof *names;
	char *end;
	long number;

	if (!text || !*text)
		text = FACILITY_DEFAULT;
	for (int i = 0; i < n; i++) {
		if (!strcmp(names[i], text))
			return i;
	}
	number = strtol(text, &end, 10);
	if (*end || number < 0 || number >= n)
		return err_set(err, EINVAL, "invalid syslog facility: \"%.100s\"", text);
	return (int)number;
}

/* ---- tags ---- */

static const char *image_id(const struct outlet_about *about)
{
	return strncmp(about->image, "sha256:", 7) == 0 ? about->image + 7 : about->image;
}

static int add_word(const struct outlet_about *about, const char *word, size_t n, struct buf *out, struct err *err)
{
	const struct {
		const char *name, *value;
		int cut;
	} words[] = {{".ID", about->id, 12},
		     {".FullID", about->id, 64},
		     {".Name", about->name, 128},
		     {".FullName", about->name, 128},
		     {".ImageName", about->image, 512},
		     {".ImageID", image_id(about), 12},
		     {".ImageFullID", about->image, 512},
		     {".DaemonName", "docker", 6}};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strlen(words[i].name) == n && memcmp(words[i].name, word, n) == 0)
			return buf_printf(out, "%.*s", words[i].cut, words[i].value);
	}
	return err_set(err, EINVAL, "tag: \"{{%.*s}}\" is not known; {{.ID}}, {{.Name}} and {{.ImageName}} are",
		       n > 60 ? 60 : (int)n, word);
}

static int make_tag(const char *text, const struct outlet_about *about, struct buf *out, struct err *err)
{
	while (*text) {
		const char *open = strstr(text, "{{"), *close = open ? strstr(open, "}}") : NULL, *end = close;

		if (open && !close)
			return err_set(err, EINVAL, "tag: \"%.100s\" has no end: }}", open);
		buf_add(out, text, open ? (size_t)(open - text) : strlen(text));
		if (!open)
			return 0;
		text = close + 2;
		for (open += 2; *open == ' ';)
			open++;
		while (end > open && end[-1] == ' ')
			end--;
		if (add_word(about, open, (size_t)(end - open), out, err) < 0)
			return -EINVAL;
	}
	return 0;
}

/* What cannot be in a line of syslog's, or would cut one of the journal's, is left out. */
static char *clean(struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if ((unsigned char)b->data[i] < ' ')
			b->data[i] = ' ';
	}
	return buf_take(b);
}

static int set_tag(struct outlet_form *f, yyjson_val *options, const struct outlet_about *about, struct err *err)
{
	const char *text = option(options, "tag");
	struct buf tag = BUF_LIMIT(4096);
	int r;

	buf_adds(&tag, "");
	r = make_tag(text ? text : TAG_DEFAULT, about, &tag, err);
	if (r == 0 && tag.full)
		r = err_set(err, E2BIG, "tag: more than 4096 bytes");
	f->tag = clean(&tag);
	return r;
}

/* ---- the journal's fields ---- */

static void add_field(struct buf *b, const char *name, const void *data, size_t n)
{
	uint64_t size = htole64(n);

	buf_adds(b, name);
	if (n == 0 || !memchr(data, '\n', n)) {
		buf_addc(b, '=');
	} else {
		buf_addc(b, '\n');
		buf_add(b, &size, sizeof size);
	}
	buf_add(b, data, n);
	buf_addc(b, '\n');
}

/* A name as the journal wants it: capital letters, digits and '_', and no '_' in front. "" = none is left. */
static char *field_name(const char *name, size_t n)
{
	char *out = mem_strndup(name, n);

	for (char *c = out; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
		else if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9'))
			*c = '_';
	}
	memmove(out, out + strspn(out, "_"), strlen(out + strspn(out, "_")) + 1);
	return out;
}

/* Names that are wanted: a list with commas, and a pattern. */
struct wanted {
	const char *list;
	regex_t re;
	bool compiled;
};

static int want(yyjson_val *options, const char *list, const char *pattern, struct wanted *ret, struct err *err)
{
	const char *text = option(options, pattern);

	*ret = (struct wanted){.list = option(options, list)};
	if (!text || !*text)
		return 0;
	/* Repetitions by number can take for ever. */
	if (strlen(text) > PATTERN_MAX || strpbrk(text, "{\\") ||
	    regcomp(&ret->re, text, REG_EXTENDED | REG_NOSUB) != 0)
		return err_set(err, EINVAL, "%s: \"%.100s\" is no regular expression that is understood here", pattern,
			       text);
	ret->compiled = true;
	return 0;
}

static bool is_wanted(const struct wanted *w, const char *name, size_t n)
{
	mem_cleanup char *own = mem_strndup(name, n);

	for (const char *at = w->list; at && *at; at += strcspn(at, ","), at += *at == ',') {
		if (strcspn(at, ",") == n && memcmp(at, name, n) == 0)
			return true;
	}
	return w->compiled && regexec(&w->re, own, 0, NULL, 0) == 0;
}

static void unwant(struct wanted *w)
{
	if (w->compiled)
		regfree(&w->re);
}

static void add_own(struct outlet_form *f, const char *name, size_t n, const char *value)
{
	mem_cleanup char *field = field_name(name, n);

	if (*field)
		add_field(&f->fixed, field, value, strlen(value));
}

static int add_labels(struct outlet_form *f, yyjson_val *options, const struct outlet_about *about, struct err *err)
{
	yyjson_val *key, *value;
	struct wanted w;
	size_t i, n;

	if (want(options, "labels", "labels-regex", &w, err) < 0)
		return -EINVAL;
	yyjson_obj_foreach (about->labels, i, n, key, value) {
		if (is_wanted(&w, yyjson_get_str(key), yyjson_get_len(key)))
			add_own(f, yyjson_get_str(key), yyjson_get_len(key), yyjson_get_str(value));
	}
	unwant(&w);
	return 0;
}

static int add_env(struct outlet_form *f, yyjson_val *options, const struct outlet_about *about, struct err *err)
{
	struct wanted w;

	if (want(options, "env", "env-regex", &w, err) < 0)
		return -EINVAL;
	for (char *const *env = about->env; env && *env; env++) {
		size_t n = strcspn(*env, "=");

		if ((*env)[n] && is_wanted(&w, *env, n))
			add_own(f, *env, n, *env + n + 1);
	}
	unwant(&w);
	return 0;
}

/* ---- forms ---- */

static int make_fixed(struct outlet_form *f, yyjson_val *options, const struct outlet_about *about, struct err *err)
{
	char id[13];
	const struct {
		const char *name, *value;
	} fields[] = {{"CONTAINER_ID", id},	 {"CONTAINER_ID_FULL", about->id}, {"CONTAINER_NAME", about->name},
		      {"CONTAINER_TAG", f->tag}, {"IMAGE_NAME", about->image},	   {"SYSLOG_IDENTIFIER", f->tag}};
	int r;

	snprintf(id, sizeof id, "%s", about->id);
	f->fixed = (struct buf)BUF_LIMIT(OUTLET_FIXED_MAX);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		add_field(&f->fixed, fields[i].name, fields[i].value, strlen(fields[i].value));
	r = add_labels(f, options, about, err);
	if (r == 0)
		r = add_env(f, options, about, err);
	if (r == 0 && f->fixed.full)
		r = err_set(err, E2BIG, "log: labels and variables of more than %u bytes for each message",
			    OUTLET_FIXED_MAX);
	return r;
}

static int make_syslog(struct outlet_form *f, yyjson_val *options, struct err *err)
{
	int r = set_address(f, option(options, "syslog-address"), err);

	if (r == 0)
		r = f->facility = read_facility(option(options, "syslog-facility"), err);
	if (r >= 0)
		r = check_word(options, "syslog-format", formats, err);
	if (r >= 0)
		f->format = (enum outlet_format)r;
	return r < 0 ? r : 0;
}

static char *machine_name(void)
{
	char name[256] = "";

	if (gethostname(name, sizeof name - 1) < 0 || !*name)
		return mem_strdup("localhost");
	return mem_strdup(name);
}

int outlet_form_make(enum spec_log driver, yyjson_val *options, const struct outlet_about *about,
		     struct outlet_form *ret, struct err *err)
{
	const char *mode = option(options, "mode");
	int r;

	*ret = (struct outlet_form){
	    .driver = driver,
	    .lossy = mode && !strcmp(mode, "non-blocking"),
	    .machine = machine_name(),
	    .pid = getpid(),
	};
	r = set_tag(ret, options, about, err);
	if (r == 0)
		r = make_fixed(ret, options, about, err);
	if (r == 0 && driver == SPEC_LOG_SYSLOG)
		r = make_syslog(ret, options, err);
	return r;
}

void outlet_form_free(struct outlet_form *f)
{
	buf_free(&f->fixed);
	free(f->host);
	free(f->port);
	free(f->tag);
	free(f->machine);
	*f = (struct outlet_form){.pid = 0};
}

bool outlet_alone(const struct spec *spec)
{
	const char *off = option(spec->log_options, "cache-disabled");
	bool out = spec->log_driver == SPEC_LOG_JOURNALD || spec->log_driver == SPEC_LOG_SYSLOG;

	return out && off && (!strcmp(off, "true") || !strcmp(off, "1"));
}

int outlet_check(enum spec_log driver, yyjson_val *options, struct err *err)
{
	static const struct outlet_about nobody = {.id = "", .name = "", .image = ""};
	struct outlet_form form;
	yyjson_val *key, *value;
	size_t i, n;
	int r;

	yyjson_obj_foreach (options, i, n, key, value) {
		if (check_name(driver, yyjson_get_str(key), err) < 0)
			return -EINVAL;
	}
	r = check_words(options, err);
	if (r < 0)
		return r;
	r = outlet_form_make(driver, options, &nobody, &form, err);
	outlet_form_free(&form);
	return r;
}

/* ---- messages ---- */

enum { LEVEL_ERROR = 3, LEVEL_INFO = 6 };

static void journal_message(const struct outlet_form *f, const struct outlet_line *line, struct buf *out)
{
	char time[CLOCK_TEXT_NS_MAX];

	buf_printf(out, "PRIORITY=%d\n", line->stream == 2 ? LEVEL_ERROR : LEVEL_INFO);
	clock_format_ns(line->time_ns / 1000000000, (unsigned)(line->time_ns % 1000000000), time);
	buf_printf(out, "SYSLOG_TIMESTAMP=%s\n", time);
	if (*line->part) {
		buf_printf(out, "CONTAINER_PARTIAL_ID=%s\nCONTAINER_PARTIAL_ORDINAL=%u\nCONTAINER_PARTIAL_LAST=%s\n",
			   line->part, line->ordinal, line->last ? "true" : "false");
		if (!line->last)
			buf_adds(out, "CONTAINER_PARTIAL_MESSAGE=true\n");
	}
	buf_add(out, f->fixed.data, f->fixed.len);
	add_field(out, "MESSAGE", line->data, line->n);
}

/* RFC 5424, section 6, with the tag as the name of the program and as the message's kind, as Docker has it. */
static void rfc5424_head(const struct outlet_form *f, const struct tm *tm, int64_t ns, int priority, struct buf *out)
{
	char time[64];

	strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", tm);
	buf_printf(out, "<%d>1 %s", priority, time);
	if (f->format == OUTLET_FORMAT_5424_MICRO)
		buf_printf(out, ".%06d", (int)(ns / 1000));
	buf_printf(out, "Z %s %s %d %s - ", f->machine, f->tag, f->pid, f->tag);
}

static void syslog_message(const struct outlet_form *f, const struct outlet_line *line, struct buf *out)
{
	int priority = f->facility << 3 | (line->stream == 2 ? LEVEL_ERROR : LEVEL_INFO);
	time_t seconds = (time_t)(line->time_ns / 1000000000);
	char time[64];
	struct tm tm;

	if (f->format >= OUTLET_FORMAT_5424) {
		gmtime_r(&seconds, &tm);
		rfc5424_head(f, &tm, line->time_ns % 1000000000, priority, out);
	} else {
		localtime_r(&seconds, &tm);
		strftime(time, sizeof time, "%b %e %H:%M:%S", &tm);
		buf_printf(out, "<%d>%s ", priority, time);
		if (f->format == OUTLET_FORMAT_3164)
			buf_printf(out, "%s ", f->machine);
		buf_printf(out, "%s[%d]: ", f->tag, f->pid);
	}
	buf_add(out, line->data, line->n);
	buf_addc(out, '\n');
}

void outlet_message(const struct outlet_form *f, const struct outlet_line *line, struct buf *out)
{
	buf_clear(out);
	if (f->driver == SPEC_LOG_JOURNALD)
		journal_message(f, line, out);
	else
		syslog_message(f, line, out);
}
