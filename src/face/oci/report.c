/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/report.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/text.h"

#include <fcntl.h>
#include <string.h>

static struct {
	int fd; /* of the file, or -1 */
	bool json, debug;
} sink = {.fd = -1};

int report_open(const char *file, const char *format, bool debug, struct err *err)
{
	if (strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		return err_set(err, EINVAL, "invalid log-format: \"%s\" (text and json are known)", format);
	sink.json = strcmp(format, "json") == 0;
	sink.debug = debug;
	if (!file || !*file)
		return 0;
	if (strncmp(file, "journald:", 9) == 0 || strncmp(file, "syslog:", 7) == 0)
		return err_set(err, ENOTSUP, "--log \"%s\": only a file is possible", file);
	if (strncmp(file, "file:", 5) == 0)
		file += 5;
	sink.fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
	return sink.fd < 0 ? err_sys(err, errno, "open the log \"%s\"", file) : 0;
}

static void write_record(int fd, const char *level, const char *text)
{
	buf_cleanup struct buf line = BUF_INIT;
	char now[CLOCK_TEXT_MAX];

	clock_format(clock_wall_ms(), now);
	if (sink.json) {
		buf_printf(&line, "{\"level\":\"%s\",\"msg\":", level);
		json_quote(&line, text, strlen(text));
		buf_printf(&line, ",\"time\":\"%s\"}\n", now);
	} else {
		buf_printf(&line, "time=\"%s\" level=%s msg=", now, level);
		json_quote(&line, text, strlen(text));
		buf_addc(&line, '\n');
	}
	/* One write: others append to the same file. Nobody is left to tell of a failure. */
	(void)fd_write_all(fd, buf_str(&line), line.len);
}

static void tell(const char *level, const char *before, const char *text)
{
	if (sink.fd >= 0)
		write_record(sink.fd, level, text);
	else if (sink.json)
		write_record(STDERR_FILENO, level, text);
	else
		text_line(stderr, "berth oci: %s%s", before, text);
}

/* What the kernel said, at the end of the text, as Go programs write it: docker and podman tell 126 and 127 by the words "permission denied" and
 * "no such file or directory". */
static void lower_reason(char *text)
{
	char *reason = NULL;

	for (char *p = strstr(text, ": "); p; p = strstr(p + 1, ": "))
		reason = p + 2;
	if (reason && *reason >= 'A' && *reason <= 'Z' && reason[1] >= 'a' && reason[1] <= 'z')
		*reason = (char)(*reason - 'A' + 'a');
}

void report_error(const char *text)
{
	mem_cleanup char *copy = mem_strdup(text);

	lower_reason(copy);
	tell("error", "", copy);
	if (sink.fd >= 0)
		text_line(stderr, "berth oci: %s", copy);
}

void report_warning(const char *text)
{
	tell("warning", "warning: ", text);
}

void report_debug(const char *text)
{
	if (sink.debug)
		tell("debug", "debug: ", text);
}
