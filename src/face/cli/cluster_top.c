/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/cluster_top.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/cli/signals.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define ROUND_MS 1000
#define JOBS_MAX "500" /* that are looked at: the newest */
#define HEAD_LINES 3   /* above the nodes, with the blank line */

enum node_key { NODE_NAME, NODE_SLOTS, NODE_MEMORY, NODE_CONTAINERS, NODE_KEYS };
enum job_key { JOB_TIME, JOB_RUNNING, JOB_WAITING, JOB_KEYS };

static const struct {
	const char *word;
	char key;
	const char *member; /* the most first; NULL: by name */
} node_keys[NODE_KEYS] = {[NODE_NAME] = {"name", 'n', NULL},
			  [NODE_SLOTS] = {"slots", 's', "slots_used"},
			  [NODE_MEMORY] = {"memory", 'm', "memory_used"},
			  [NODE_CONTAINERS] = {"containers", 'c', "containers"}};

/* What one round brought. */
struct round {
	yyjson_doc *info, *nodes, *jobs;
	int64_t at_ms;
};

struct top {
	struct cli *cli;
	enum node_key node_key;
	enum job_key job_key;
	bool reverse;
	struct round now;
	uint64_t before[3]; /* counted: submitted, started, ended */
	int64_t before_ms;  /* 0: there was no round before */
	bool raw;
	struct termios was;
	struct signals signals;
	char trouble[256]; /* the server does not answer: why */
};

static const char *const counted[] = {"submitted", "started", "ended"};

/* ---- asking ---- */

static void round_free(struct round *r)
{
	yyjson_doc_free(r->info);
	yyjson_doc_free(r->nodes);
	yyjson_doc_free(r->jobs);
	*r = (struct round){.info = NULL};
}

static uint64_t counted_of(const struct round *r, size_t i)
{
	yyjson_val *o = yyjson_obj_get(yyjson_doc_get_root(r->info), "counted");

	return yyjson_get_uint(yyjson_obj_get(o, counted[i]));
}

static int ask(struct top *t, struct err *err)
{
	struct round next = {.at_ms = clock_mono_ms()};
	int r = client_call(t->cli, "GET", "/v1/info", NULL, &next.info, err);

	if (r == 0)
		r = client_call(t->cli, "GET", "/v1/nodes", NULL, &next.nodes, err);
	if (r == 0)
		r = client_call(t->cli, "GET", "/v1/jobs?limit=" JOBS_MAX, NULL, &next.jobs, err);
	if (r < 0) {
		round_free(&next);
		return r;
	}
	t->before_ms = t->now.at_ms;
	for (size_t i = 0; i < 3; i++)
		t->before[i] = counted_of(&t->now, i);
	round_free(&t->now);
	t->now = next;
	return 0;
}

/* ---- sorting ---- */

static struct top *sorting; /* of qsort, which takes no context */

static int by(int64_t x, int64_t y)
{
	return x < y ? 1 : x > y ? -1 : 0;
}

static int64_t number(yyjson_val *o, const char *key)
{
	yyjson_val *v = yyjson_obj_get(o, key);

	return yyjson_is_int(v) ? yyjson_get_sint(v) : 0;
}

static int compare_nodes(const void *a, const void *b)
{
	yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
	const char *member = node_keys[sorting->node_key].member;
	int r = member ? by(number(x, member), number(y, member)) : 0;

	if (r == 0)
		r = strcmp(show_str(x, "name", ""), show_str(y, "name", ""));
	return sorting->reverse ? -r : r;
}

static int64_t copies(yyjson_val *job, bool running)
{
	yyjson_val *c = yyjson_obj_get(job, "counts");

	return running ? number(c, "running") + number(c, "starting") : number(c, "pending") + number(c, "delayed");
}

static int compare_jobs(const void *a, const void *b)
{
	yyjson_val *x = *(yyjson_val *const *)a, *y = *(yyjson_val *const *)b;
	int r = 0;

	if (sorting->job_key != JOB_TIME)
		r = by(copies(x, sorting->job_key == JOB_RUNNING), copies(y, sorting->job_key == JOB_RUNNING));
	if (r == 0)
		r = by(number(x, "submitted_ms"), number(y, "submitted_ms"));
	return sorting->reverse ? -r : r;
}

/* The caller frees. */
static yyjson_val **sorted(struct top *t, yyjson_val *list, int (*compare)(const void *, const void *), size_t *ret_n)
{
	size_t n = yyjson_arr_size(list), i, max;
	yyjson_val **out = mem_new_n(yyjson_val *, n + 1), *v;

	yyjson_arr_foreach (list, i, max, v) {
		out[i] = v;
	}
	sorting = t;
	qsort(out, n, sizeof *out, compare);
	*ret_n = n;
	return out;
}

/* ---- the screen ---- */

static void add_rate(const struct top *t, size_t i, const char *word, struct buf *out)
{
	double seconds = (double)(t->now.at_ms - t->before_ms) / 1000;
	uint64_t now = counted_of(&t->now, i);

	/* A server that has started anew counts from 0. */
	if (t->before_ms && seconds > 0 && now >= t->before[i])
		buf_printf(out, ", %s %.1f/s", word, (double)(now - t->before[i]) / seconds);
}

static size_t count_states(yyjson_val *nodes, const char *state)
{
	size_t i, max, n = 0;
	yyjson_val *v;

	yyjson_arr_foreach (nodes, i, max, v) {
		n += !strcmp(show_str(v, "state", ""), state);
	}
	return n;
}

static int64_t sum(yyjson_val *nodes, const char *key)
{
	size_t i, max;
	int64_t n = 0;
	yyjson_val *v;

	yyjson_arr_foreach (nodes, i, max, v) {
		n += number(v, key);
	}
	return n;
}

static void add_head(const struct top *t, struct buf *out)
{
	static const char *const states[] = {"free", "busy", "locked", "draining", "drained", "lost", "down"};
	yyjson_val *nodes = yyjson_doc_get_root(t->now.nodes), *info = yyjson_doc_get_root(t->now.info);
	yyjson_val *jobs = yyjson_obj_get(info, "jobs"), *all = yyjson_obj_get(info, "copies");
	char used[TEXT_MAX], total[TEXT_MAX];

	buf_printf(out, "nodes %zu", yyjson_arr_size(nodes));
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		size_t n = count_states(nodes, states[i]);

		if (n > 0)
			buf_printf(out, ", %zu %s", n, states[i]);
	}
	buf_printf(out, "; slots %" PRId64 " of %" PRId64 "; memory %s of %s\n", sum(nodes, "slots_used"),
		   sum(nodes, "slots"), text_size(used, (uint64_t)sum(nodes, "memory_used")),
		   text_size(total, (uint64_t)sum(nodes, "memory")));
	buf_printf(out,
		   "jobs %" PRId64 " running, %" PRId64 " waiting; copies %" PRId64 " running, %" PRId64 " waiting",
		   number(jobs, "running"), number(jobs, "waiting"), number(all, "running"), number(all, "waiting"));
	add_rate(t, 0, "submitted", out);
	add_rate(t, 1, "started", out);
	add_rate(t, 2, "ended", out);
	buf_addc(out, '\n');
}

static const struct table_column node_columns[] = {
    {.title = "NODE", .least = 8},	{.title = "STATE"},
    {.title = "SLOTS", .right = true},	{.title = "CPU", .right = true},
    {.title = "MEMORY", .right = true}, {.title = "CONTAINERS", .right = true},
    {.title = "REASON", .least = 6},	{.title = NULL},
};

static void add_node(struct table *t, yyjson_val *node)
{
	const char *state = show_str(node, "state", "-");
	char used[TEXT_MAX], total[TEXT_MAX];

	table_cell(t, show_str(node, "name", "-"));
	table_cell_color(t, term_state_color(state), state);
	table_cellf(t, "%" PRId64 "/%" PRId64, number(node, "slots_used"), number(node, "slots"));
	table_cellf(t, "%.1f/%.1f", (double)number(node, "cpu_used") / 1000, (double)number(node, "cpu_milli") / 1000);
	table_cellf(t, "%s/%s", text_size(used, (uint64_t)number(node, "memory_used")),
		    text_size(total, (uint64_t)number(node, "memory")));
	table_cellf(t, "%" PRId64, number(node, "containers"));
	table_cell(t, show_str(node, "reason", ""));
}

static const struct table_column job_columns[] = {
    {.title = "JOB", .least = 12},	 {.title = "STATE"},
    {.title = "RUNNING", .right = true}, {.title = "WAITING", .right = true},
    {.title = "ALL", .right = true},	 {.title = "SUBMITTED"},
    {.title = "WHY", .least = 10},	 {.title = NULL},
};

static void add_job(struct table *t, yyjson_val *job)
{
	const char *state = show_str(job, "state", "-");
	char text[TEXT_MAX];

	table_cell(t, show_str(job, "id", "-"));
	table_cell_color(t, term_state_color(state), state);
	table_cellf(t, "%" PRId64, copies(job, true));
	table_cellf(t, "%" PRId64, copies(job, false));
	table_cellf(t, "%" PRId64, number(job, "n_instances"));
	table_cell(t, text_ago(text, number(job, "submitted_ms"), clock_wall_ms()));
	table_cell(t, show_str(job, "why", ""));
}

/* At the most `lines` with the title; what has no room is counted in the last of them. */
static void add_table(const struct table_column *columns, void (*add)(struct table *t, yyjson_val *v),
		      yyjson_val **rows, size_t n, size_t lines, size_t width, struct buf *out)
{
	struct table *t cleanup_with(table_freep) = table_new(columns);
	size_t room = lines > 1 ? lines - 1 : 1, shown = n <= room ? n : room - (room > 1);

	for (size_t i = 0; i < shown; i++)
		add(t, rows[i]);
	table_render(t, width, STDOUT_FILENO, true, out);
	if (shown < n)
		buf_printf(out, "... and %zu more\n", n - shown);
}

/* height 0: no limit. */
static void paint(struct top *t, size_t width, size_t height, struct buf *out)
{
	size_t n_nodes, n_jobs, rest = height > HEAD_LINES + 2 ? height - HEAD_LINES - 2 : 4, nodes;
	mem_cleanup yyjson_val **node = sorted(t, yyjson_doc_get_root(t->now.nodes), compare_nodes, &n_nodes);
	mem_cleanup yyjson_val **job = sorted(t, yyjson_doc_get_root(t->now.jobs), compare_jobs, &n_jobs);

	/* The nodes may have what the jobs do not need, and half of the screen at the least. */
	nodes = n_jobs + 1 < rest / 2 ? rest - n_jobs - 1 : rest / 2;
	nodes = height ? (n_nodes + 1 < nodes ? n_nodes + 1 : nodes) : SIZE_MAX;
	add_head(t, out);
	buf_addc(out, '\n');
	add_table(node_columns, add_node, node, n_nodes, nodes, width, out);
	buf_addc(out, '\n');
	add_table(job_columns, add_job, job, n_jobs, height ? rest - nodes : SIZE_MAX, width, out);
	if (*t->trouble)
		buf_printf(out, "%s\n", t->trouble);
}

/* Each line is wiped to its end, and what is below, so nothing flickers. */
static void repaint(struct top *t)
{
	struct buf text buf_cleanup = BUF_INIT, out buf_cleanup = BUF_INIT;
	size_t width = term_width(STDOUT_FILENO), height = term_height(STDOUT_FILENO), line = 0;
	const char *p, *end;

	paint(t, width, height, &text);
	buf_adds(&out, "\033[H");
	for (p = buf_str(&text); *p && line + 1 < height; p = end + 1, line++) {
		end = strchr(p, '\n');
		if (!end)
			break;
		buf_add(&out, p, (size_t)(end - p));
		buf_adds(&out, "\033[K\n");
	}
	buf_adds(&out, "\033[J");
	(void)fd_write_all(STDOUT_FILENO, out.data, out.len);
}

/* ---- the terminal ---- */

static void open_screen(struct top *t)
{
	static const char on[] = "\033[?1049h\033[?25l\033[?7l";
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, 0};
	struct termios raw;

	signals_open(&t->signals, signals);
	if (tcgetattr(STDIN_FILENO, &t->was) == 0) {
		raw = t->was;
		raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
		t->raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
	}
	(void)fd_write_all(STDOUT_FILENO, on, sizeof on - 1);
}

static void close_screen(struct top *t)
{
	static const char off[] = "\033[?7h\033[?25h\033[?1049l";

	(void)fd_write_all(STDOUT_FILENO, off, sizeof off - 1);
	if (t->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->was);
	signals_close(&t->signals);
}

/* True: enough. */
static bool on_key(struct top *t, char key)
{
	char low = key >= 'A' && key <= 'Z' ? (char)(key + 'a' - 'A') : key;

	for (int k = 0; k < NODE_KEYS; k++) {
		if (node_keys[k].key == low)
			t->node_key = (enum node_key)k;
	}
	if (low == 'j')
		t->job_key = (enum job_key)((t->job_key + 1) % JOB_KEYS);
	if (low == 'r')
		t->reverse = !t->reverse;
	return low == 'q';
}

static bool read_keys(struct top *t)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof keys);

	if (n <= 0)
		return n == 0 || errno != EINTR;
	for (ssize_t i = 0; i < n; i++) {
		/* The rest belongs to a key that sends several bytes (an arrow): none of ours. */
		if (keys[i] == '\033')
			break;
		if (on_key(t, keys[i]))
			return true;
	}
	return false;
}

/* Until the next round is due. A key or another size of the window shows at once. True: enough. */
static bool wait_round(struct top *t, int *ret_status)
{
	int64_t until = clock_mono_ms() + ROUND_MS, left;
	struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = t->signals.fd, .events = POLLIN}};
	struct signalfd_siginfo info;

	while ((left = until - clock_mono_ms()) > 0) {
		if (poll(fds, 2, (int)left) <= 0)
			continue;
		if (fds[1].revents && read(t->signals.fd, &info, sizeof info) == (ssize_t)sizeof info &&
		    info.ssi_signo != SIGWINCH) {
			*ret_status = info.ssi_signo == SIGINT ? CLI_INTERRUPTED : 128 + (int)info.ssi_signo;
			return true;
		}
		if (fds[0].revents && read_keys(t))
			return true;
		repaint(t);
	}
	return false;
}

/* A server that is away for a while is said below; the screen stays. */
static int watch(struct top *t, struct err *err)
{
	int status = CLI_OK, r = ask(t, err);

	if (r < 0)
		return r;
	open_screen(t);
	do {
		struct err why = ERR_INIT;

		repaint(t);
		if (wait_round(t, &status))
			break;
		*t->trouble = '\0';
		if (ask(t, &why) < 0) {
			mem_cleanup char *text = text_escaped(why.text);

			snprintf(t->trouble, sizeof t->trouble, "%s", text);
		}
	} while (true);
	close_screen(t);
	return status;
}

static int print_once(struct top *t, struct err *err)
{
	struct buf out buf_cleanup = BUF_INIT;
	int r = ask(t, err);

	/* A rate is of a second. */
	if (r == 0) {
		(void)poll(NULL, 0, ROUND_MS);
		r = ask(t, err);
	}
	if (r < 0)
		return r;
	paint(t, term_width(STDOUT_FILENO), 0, &out);
	r = fd_write_all(STDOUT_FILENO, out.data, out.len);
	return r == -EPIPE ? CLI_NO_READER : r < 0 ? err_sys(err, -r, "write the output") : CLI_OK;
}

int cluster_top_run(struct cli *cli, const struct cluster_top *o, struct err *err)
{
	struct top t = {.cli = cli, .signals = SIGNALS_NONE};
	int r = 0, k = 0;

	while (o->sort && k < NODE_KEYS && strcmp(node_keys[k].word, o->sort) != 0)
		k++;
	if (k == NODE_KEYS)
		return err_set(err, EINVAL, "--sort: \"%s\" is none of name, slots, memory, containers", o->sort);
	t.node_key = (enum node_key)k;
	if (o->once || !term_can_repaint(STDOUT_FILENO) || !term_is(STDIN_FILENO))
		r = print_once(&t, err);
	else
		r = watch(&t, err);
	round_free(&t.now);
	return r;
}
