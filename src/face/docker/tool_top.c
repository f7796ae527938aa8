/* SPDX-License-Identifier: Apache-2.0
 *
 * "top": the processes of a container in the columns that ps would show for its arguments. {"id", "pid", "args"}; the answer's "body" is Docker's.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/engine/processes.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <time.h>

#define COLUMNS_MAX 32

typedef char *(*cell_fn)(const struct process *p);

static char *user(const struct process *p)
{
	return p->uid == 0 ? mem_strdup("root") : mem_printf("%u", p->uid);
}

static char *pid(const struct process *p)
{
	return mem_printf("%d", p->pid);
}

static char *ppid(const struct process *p)
{
	return mem_printf("%d", p->ppid);
}

static char *pgid(const struct process *p)
{
	return mem_printf("%d", p->pgid);
}

static char *sid(const struct process *p)
{
	return mem_printf("%d", p->sid);
}

static char *uid(const struct process *p)
{
	return mem_printf("%u", p->uid);
}

static char *threads(const struct process *p)
{
	return mem_printf("%lld", (long long)p->threads);
}

static char *nice_of(const struct process *p)
{
	return mem_printf("%lld", (long long)p->nice);
}

static char *priority(const struct process *p)
{
	return mem_printf("%lld", (long long)p->priority);
}

static char *state(const struct process *p)
{
	return mem_printf("%c", p->state);
}

/* As BSD: state, session leader, several threads. */
static char *status(const struct process *p)
{
	return mem_printf("%c%s%s%s", p->state,
			  p->nice < 0	? "<"
			  : p->nice > 0 ? "N"
					: "",
			  p->sid == p->pid ? "s" : "", p->threads > 1 ? "l" : "");
}

static double share(const struct process *p)
{
	int64_t lived = clock_wall_ms() - p->start_ms;

	return lived > 0 ? 100.0 * (double)p->cpu_ms / (double)lived : 0;
}

static char *cpu_whole(const struct process *p)
{
	return mem_printf("%.0f", share(p));
}

static char *cpu(const struct process *p)
{
	return mem_printf("%.1f", share(p));
}

static char *memory(const struct process *p)
{
	struct sysinfo s = {.totalram = 0};

	sysinfo(&s);
	return mem_printf("%.1f",
			  s.totalram ? 100.0 * (double)p->resident_bytes / ((double)s.totalram * s.mem_unit) : 0);
}

static char *virtual_size(const struct process *p)
{
	return mem_printf("%llu", (unsigned long long)p->virtual_bytes / 1024);
}

static char *resident(const struct process *p)
{
	return mem_printf("%llu", (unsigned long long)p->resident_bytes / 1024);
}

/* Pseudo terminals are major 136 to 143. */
static char *terminal(const struct process *p)
{
	if (p->tty == 0)
		return mem_strdup("?");
	if (major((dev_t)p->tty) >= 136 && major((dev_t)p->tty) <= 143)
		return mem_printf("pts/%u", (major((dev_t)p->tty) - 136) * 256 + minor((dev_t)p->tty));
	return mem_printf("%u/%u", major((dev_t)p->tty), minor((dev_t)p->tty));
}

static char *start(const struct process *p)
{
	time_t t = p->start_ms / 1000, now = time(NULL);
	struct tm tm, today;
	char text[16];

	localtime_r(&t, &tm);
	localtime_r(&now, &today);
	strftime(text, sizeof text, tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year ? "%H:%M" : "%b%d", &tm);
	return mem_strdup(text);
}

static char *cpu_time(const struct process *p)
{
	int64_t s = p->cpu_ms / 1000;

	return mem_printf("%02d:%02d:%02d", (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

static char *cpu_time_short(const struct process *p)
{
	int64_t s = p->cpu_ms / 1000;

	return mem_printf("%d:%02d", (int)(s / 60), (int)(s % 60));
}

static char *command(const struct process *p)
{
	return mem_strdup(p->command);
}

static char *name(const struct process *p)
{
	return mem_strdup(p->name);
}

/* In ps' words (-o); the first of a name is the one that it stands for. */
static const struct column {
	const char *word, *title;
	cell_fn cell;
} columns[] = {
    {"user", "USER", user},
    {"euser", "EUSER", user},
    {"uname", "USER", user},
    {"uid", "UID", uid},
    {"euid", "EUID", uid},
    {"pid", "PID", pid},
    {"tgid", "TGID", pid},
    {"ppid", "PPID", ppid},
    {"pgid", "PGID", pgid},
    {"pgrp", "PGRP", pgid},
    {"sid", "SID", sid},
    {"sess", "SESS", sid},
    {"c", "C", cpu_whole},
    {"pcpu", "%CPU", cpu},
    {"%cpu", "%CPU", cpu},
    {"pmem", "%MEM", memory},
    {"%mem", "%MEM", memory},
    {"vsz", "VSZ", virtual_size},
    {"vsize", "VSZ", virtual_size},
    {"rss", "RSS", resident},
    {"rssize", "RSS", resident},
    {"tty", "TT", terminal},
    {"tt", "TT", terminal},
    {"tname", "TTY", terminal},
    {"stat", "STAT", status},
    {"s", "S", state},
    {"state", "S", state},
    {"start", "STARTED", start},
    {"stime", "STIME", start},
    {"start_time", "START", start},
    {"time", "TIME", cpu_time},
    {"cputime", "TIME", cpu_time},
    {"bsdtime", "TIME", cpu_time_short},
    {"args", "COMMAND", command},
    {"cmd", "CMD", command},
    {"command", "COMMAND", command},
    {"comm", "COMMAND", name},
    {"ucmd", "CMD", name},
    {"nlwp", "NLWP", threads},
    {"thcount", "THCNT", threads},
    {"ni", "NI", nice_of},
    {"nice", "NI", nice_of},
    {"pri", "PRI", priority},
};

struct shown {
	struct column v[COLUMNS_MAX];
	size_t n;
};

static int add_column(struct shown *s, const char *word, size_t n, struct err *err)
{
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if (strlen(columns[i].word) != n || strncmp(columns[i].word, word, n) != 0)
			continue;
		if (s->n == COLUMNS_MAX)
			return err_set(err, EINVAL, "ps_args: more than %d columns", COLUMNS_MAX);
		s->v[s->n++] = columns[i];
		return 0;
	}
	return err_set(err, EINVAL, "ps_args: unknown column \"%.*s\"", (int)(n > 50 ? 50 : n), word);
}

static int add_list(struct shown *s, const char *list, struct err *err)
{
	while (*list) {
		size_t n = strcspn(list, ", \t");

		if (n > 0 && add_column(s, list, n, err) < 0)
			return -EINVAL;
		list += n + strspn(list + n, ", \t");
	}
	return s->n > 0 ? 0 : err_set(err, EINVAL, "ps_args: which columns?");
}

static void full_format(struct shown *s)
{
	static const struct column full[] = {{"", "UID", user},	     {"", "PID", pid},	   {"", "PPID", ppid},
					     {"", "C", cpu_whole},   {"", "STIME", start}, {"", "TTY", terminal},
					     {"", "TIME", cpu_time}, {"", "CMD", command}};

	s->n = sizeof full / sizeof *full;
	memcpy(s->v, full, sizeof full);
}

static void user_format(struct shown *s)
{
	static const struct column wide[] = {
	    {"", "USER", user},		  {"", "PID", pid},	     {"", "%CPU", cpu},
	    {"", "%MEM", memory},	  {"", "VSZ", virtual_size}, {"", "RSS", resident},
	    {"", "TTY", terminal},	  {"", "STAT", status},	     {"", "START", start},
	    {"", "TIME", cpu_time_short}, {"", "COMMAND", command}};

	s->n = sizeof wide / sizeof *wide;
	memcpy(s->v, wide, sizeof wide);
}

/* "-ef", "aux", "-eo pid,user", "-o pid -o user": letters that choose processes mean nothing here, for it is always those of the container. */
static int read_args(const char *args, struct shown *s, struct err *err)
{
	const char *p = args + strspn(args, " -");
	size_t n = strcspn(p, "o \t");

	if (strspn(p, "aefuwxAlHT") < n)
		return err_set(err, EINVAL, "ps_args: \"%.100s\" is not understood; use -ef, aux or -o COLUMN,...",
			       args);
	if (p[n] == 'o')
		return add_list(s, p + n + 1, err);
	if (memchr(p, 'u', n))
		user_format(s);
	else
		full_format(s);
	return 0;
}

static void show(struct tool *t, const struct shown *s, const struct process *list, size_t n)
{
	yyjson_mut_val *body = yyjson_mut_obj_add_obj(t->answer, yyjson_mut_doc_get_root(t->answer), "body"), *rows;
	yyjson_mut_val *titles;

	rows = yyjson_mut_obj_add_arr(t->answer, body, "Processes");
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *row = yyjson_mut_arr_add_arr(t->answer, rows);

		for (size_t k = 0; k < s->n; k++) {
			mem_cleanup char *text = s->v[k].cell(&list[i]);

			yyjson_mut_arr_add_strcpy(t->answer, row, text);
		}
	}
	titles = yyjson_mut_obj_add_arr(t->answer, body, "Titles");
	for (size_t k = 0; k < s->n; k++)
		yyjson_mut_arr_add_str(t->answer, titles, s->v[k].title);
}

int tool_top(struct tool *t, struct err *err)
{
	const char *args = tool_text(t, "args");
	struct shown s = {.n = 0};
	struct process *list;
	size_t n;
	int r = read_args(args && *args ? args : "-ef", &s, err);

	if (r == 0)
		r = processes_read(tool_text(t, "id"), (pid_t)yyjson_get_sint(yyjson_obj_get(t->request, "pid")), &list,
				   &n, err);
	if (r < 0)
		return r;
	show(t, &s, list, n);
	processes_free(list, n);
	return 0;
}
