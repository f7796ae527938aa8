/* SPDX-License-Identifier: Apache-2.0
 *
 * outlet: where the output of a container goes besides its log: the journal of the machine, or a syslog server. Lives in the monitor's poll loop.
 *
 * Output is cut into lines of at most OUTLET_LINE_MAX bytes, each one message. What the receiver does not take at once waits, one message and the rest
 * of one piece, and no more output is read meanwhile (or, when the container's `mode` is "non-blocking", it is left out). A receiver that goes away costs
 * messages, never the container: it is called again with the next line.
 *
 *   outlet_form.c  pure: what users ask for, and how a message looks
 *   outlet.c       the socket
 */
#pragma once

#include "base/core/buf.h"
#include "node/engine/spec.h"

#define OUTLET_LINE_MAX (16u << 10)
#define OUTLET_FIXED_MAX (64u << 10) /* bytes of what every message has, such as labels */
#define OUTLET_JOURNAL "/run/systemd/journal/socket"

/* ---- pure ---- */

enum outlet_way { OUTLET_DATAGRAM, OUTLET_STREAM, OUTLET_UDP, OUTLET_TCP };
enum outlet_format { OUTLET_FORMAT_UNIX, OUTLET_FORMAT_3164, OUTLET_FORMAT_5424, OUTLET_FORMAT_5424_MICRO };

struct outlet_form {
	enum spec_log driver;
	enum outlet_way way;
	char *host, *port; /* of UDP and TCP; else host is a path, NULL = the machine's own */
	bool lossy;	   /* what would have to wait is left out */
	enum outlet_format format;
	int facility;
	char *tag, *machine;
	int pid;
	struct buf fixed; /* journal: the fields that every message has */
};

/* What a container is called, for tags and fields. */
struct outlet_about {
	const char *id, *name, *image;
	char *const *env;
	yyjson_val *labels; /* object of strings, or NULL */
};

/* Whether a driver can be given these options of Docker's (an object of strings, or NULL): their names, and the values of those that are read here. -EINVAL */
int outlet_check(enum spec_log driver, yyjson_val *options, struct err *err);
/* The output goes there alone: it is not kept in the container's log besides ("cache-disabled"). */
bool outlet_alone(const struct spec *spec);
/* Fills *ret, which outlet_form_free() empties, also after a failure. */
int outlet_form_make(enum spec_log driver, yyjson_val *options, const struct outlet_about *about,
		     struct outlet_form *ret, struct err *err);
void outlet_form_free(struct outlet_form *f);

struct outlet_line {
	int stream; /* 1 stdout, 2 stderr */
	int64_t time_ns;
	const unsigned char *data;
	size_t n;
	char part[65];	  /* "" = a whole line; else what the parts of one line have in common */
	unsigned ordinal; /* of a part, from 1 */
	bool last;
};
/* Puts the message in place of what `out` has. */
void outlet_message(const struct outlet_form *f, const struct outlet_line *line, struct buf *out);

/* ---- the socket ---- */

struct outlet;

/* NULL in *ret when the driver has none. Connects, and waits at most patience_ms for that. */
int outlet_open(const struct spec *spec, const struct outlet_about *about, int patience_ms, struct outlet **ret,
		struct err *err);
/* The same with a form, which is taken. */
int outlet_open_form(struct outlet_form *form, int patience_ms, struct outlet **ret, struct err *err);
struct outlet *outlet_free(struct outlet *o); /* takes NULL */

/* Only when it is not busy. */
void outlet_write(struct outlet *o, int stream, int64_t time_ns, const unsigned char *data, size_t n);
/* The end of the output: what has no end of line becomes a message, too. */
void outlet_finish(struct outlet *o);
bool outlet_busy(const struct outlet *o); /* something waits: outlet_flush() when the socket has room */
int outlet_fd(const struct outlet *o);	  /* -1 = there is none now */
void outlet_flush(struct outlet *o);
