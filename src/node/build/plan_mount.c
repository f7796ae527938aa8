/* SPDX-License-Identifier: Apache-2.0
 *
 * RUN --mount=KEY=VALUE,...: the keys of each type, what they may be and what they are when they are not given.
 */
#include "node/build/plan_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/nearest.h"

#include <string.h>
#include <strings.h>

#define KEEP (&x->p->keep)
#define FIELDS_MAX 32

enum key {
	KEY_TYPE,
	KEY_FROM,
	KEY_SOURCE,
	KEY_TARGET,
	KEY_READONLY,
	KEY_READWRITE,
	KEY_ID,
	KEY_SHARING,
	KEY_REQUIRED,
	KEY_SIZE,
	KEY_MODE,
	KEY_UID,
	KEY_GID,
	KEY_ENV,
	KEY_N
};

#define BIND (1u << STEP_MOUNT_BIND)
#define CACHE (1u << STEP_MOUNT_CACHE)
#define TMPFS (1u << STEP_MOUNT_TMPFS)
#define SECRET (1u << STEP_MOUNT_SECRET)
#define SSH (1u << STEP_MOUNT_SSH)

static const struct {
	const char *name;
	enum key key;
	unsigned types; /* that have it */
} keys[] = {
    {"type", KEY_TYPE, BIND | CACHE | TMPFS | SECRET | SSH},
    {"from", KEY_FROM, BIND | CACHE},
    {"source", KEY_SOURCE, BIND | CACHE | SECRET},
    {"src", KEY_SOURCE, BIND | CACHE | SECRET},
    {"target", KEY_TARGET, BIND | CACHE | TMPFS | SECRET | SSH},
    {"dst", KEY_TARGET, BIND | CACHE | TMPFS | SECRET | SSH},
    {"destination", KEY_TARGET, BIND | CACHE | TMPFS | SECRET | SSH},
    {"readonly", KEY_READONLY, BIND | CACHE | TMPFS | SECRET | SSH},
    {"ro", KEY_READONLY, BIND | CACHE | TMPFS | SECRET | SSH},
    {"readwrite", KEY_READWRITE, BIND | CACHE | TMPFS | SECRET | SSH},
    {"rw", KEY_READWRITE, BIND | CACHE | TMPFS | SECRET | SSH},
    {"id", KEY_ID, CACHE | SECRET | SSH},
    {"sharing", KEY_SHARING, CACHE},
    {"required", KEY_REQUIRED, SECRET | SSH},
    {"size", KEY_SIZE, TMPFS},
    {"mode", KEY_MODE, CACHE | SECRET | SSH},
    {"uid", KEY_UID, CACHE | SECRET | SSH},
    {"gid", KEY_GID, CACHE | SECRET | SSH},
    {"env", KEY_ENV, SECRET},
};

#define N_KEYS (sizeof(keys) / sizeof(*keys))

static const char *const types[] = {"bind", "cache", "tmpfs", "secret", "ssh"};

static const char *key_option(void *ctx, size_t i)
{
	(void)ctx;
	return i < N_KEYS ? keys[i].name : NULL;
}

static const char *type_option(void *ctx, size_t i)
{
	(void)ctx;
	return i < 5 ? types[i] : NULL;
}

/* The fields of one line of CSV: "a,b" with quotes around a comma, a quote doubled. NULL with *why at the first mistake. */
static char **split_fields(struct keep *k, const char *text, const char **why)
{
	struct keep_list fields = {0};

	for (;;) {
		buf_cleanup struct buf field = BUF_INIT;
		bool quoted = *text == '"';

		text += quoted;
		for (; *text && (quoted || *text != ','); text++) {
			if (quoted && *text == '"' && *++text != '"')
				break;
			buf_addc(&field, *text);
		}
		*why = quoted && text[-1] != '"' ? "a quote is not closed"
		       : fields.n == FIELDS_MAX	 ? "it has too many fields"
						 : NULL;
		if (!*why && *text && *text != ',')
			*why = "only a comma may stand behind a quote";
		if (*why)
			return NULL;
		keep_list_add(k, &fields, keep_str(k, buf_str(&field)));
		if (!*text++)
			return fields.v;
	}
}

int plan_mount_from(struct plan *p, const char *text, unsigned line, char **ret, struct err *err)
{
	const char *why;
	char **fields = split_fields(&p->keep, text, &why);

	if (!fields)
		return PLAN_ERR(p, line, err, EINVAL, "RUN --mount=%.200s: %s", text, why);
	*ret = NULL;
	for (; *fields; fields++)
		if (!strncasecmp(*fields, "from=", 5) && (*fields)[5])
			*ret = *fields + 5;
	return 0;
}

/* What was given, by key; NULL = not. */
struct given {
	const char *text; /* the whole flag, for errors */
	char *value[KEY_N];
	bool has[KEY_N];
	enum step_mount_type type;
};

#define MOUNT_ERR(x, g, ...) MOUNT_ERR_(x, g, __VA_ARGS__, "")
#define MOUNT_ERR_(x, g, fmt, ...)                                                                                     \
	PLAN_ERR((x)->p, (x)->line, (x)->err, EINVAL, "RUN --mount=%.200s: " fmt "%s", (g)->text, __VA_ARGS__)

static int read_field(struct plan_expand *x, struct given *g, const char *field)
{
	size_t n = strcspn(field, "="), i = 0;
	bool flag;
	const char *near;

	while (i < N_KEYS && (strlen(keys[i].name) != n || strncasecmp(keys[i].name, field, n) != 0))
		i++;
	if (i == N_KEYS) {
		mem_cleanup char *name = mem_strndup(field, n);

		near = nearest_word(name, key_option, NULL);
		return MOUNT_ERR(x, g, "there is no key \"%.60s\"%s%s%s", name, near ? " (did you mean " : "",
				 near ? near : "", near ? "?)" : "");
	}
	flag = keys[i].key == KEY_READONLY || keys[i].key == KEY_READWRITE || keys[i].key == KEY_REQUIRED;
	if (!field[n] && !flag)
		return MOUNT_ERR(x, g, "%s needs a value: %s=...", keys[i].name, keys[i].name);
	g->has[keys[i].key] = true;
	if (!field[n])
		g->value[keys[i].key] = keep_str(KEEP, "true");
	else if (keys[i].key == KEY_FROM)
		g->value[KEY_FROM] = keep_str(KEEP, field + n + 1);
	else
		return plan_word(x, field + n + 1, &g->value[keys[i].key]);
	return 0;
}

static int read_type(struct plan_expand *x, struct given *g)
{
	const char *near, *type = g->value[KEY_TYPE] ? g->value[KEY_TYPE] : "bind";
	size_t i = 0;

	while (i < 5 && strcasecmp(types[i], type) != 0)
		i++;
	if (i == 5) {
		near = nearest_word(type, type_option, NULL);
		return MOUNT_ERR(x, g, "there is no type \"%.60s\"%s%s%s: bind, cache, tmpfs, secret and ssh are known",
				 type, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
	}
	g->type = (enum step_mount_type)i;
	for (size_t k = 0; k < N_KEYS; k++)
		if (g->has[keys[k].key] && !(keys[k].types & 1u << g->type))
			return MOUNT_ERR(x, g, "%s is not for type=%s", keys[k].name, types[g->type]);
	return 0;
}

static int read_bool(struct plan_expand *x, const struct given *g, enum key key, bool *ret)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"}, *const no[] = {"0",	  "f",
												 "F",	  "false",
												 "FALSE", "False"};

	for (size_t i = 0; g->has[key] && i < 6; i++) {
		if (!strcmp(g->value[key], yes[i]) || !strcmp(g->value[key], no[i])) {
			*ret = !strcmp(g->value[key], yes[i]);
			return 0;
		}
	}
	return g->has[key] ? MOUNT_ERR(x, g, "\"%.60s\" is neither true nor false", g->value[key]) : 0;
}

static int read_number(struct plan_expand *x, const struct given *g, enum key key, int base, uint32_t *ret)
{
	const char *text = g->value[key];
	unsigned long long n;
	char *end;

	if (!g->has[key])
		return 0;
	errno = 0;
	n = strtoull(text, &end, base);
	if (errno || *end || *text < '0' || *text > '9' || n > (key == KEY_MODE ? 07777u : UINT32_MAX - 1))
		return MOUNT_ERR(x, g, "%s=%.60s: %s is needed",
				 key == KEY_MODE  ? "mode"
				 : key == KEY_UID ? "uid"
						  : "gid",
				 text, base == 8 ? "an octal number up to 7777" : "a number");
	*ret = (uint32_t)n;
	return 0;
}

static int read_size(struct plan_expand *x, const struct given *g, uint64_t *ret)
{
	static const char units[] = "kmgtp";
	const char *text = g->value[KEY_SIZE], *unit;
	uint64_t n;
	char *end;

	if (!g->has[KEY_SIZE])
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	for (int i = 0; unit && i <= unit - units; i++)
		n = n > UINT64_MAX / 1024 ? UINT64_MAX : n * 1024;
	end += unit != NULL;
	if (unit && (*end == 'i' || *end == 'I'))
		end++;
	if (*end == 'b' || *end == 'B')
		end++;
	if (errno || *end || *text < '0' || *text > '9' || n > INT64_MAX)
		return MOUNT_ERR(x, g, "size=%.60s: a number of bytes is needed, such as 64m", text);
	*ret = n;
	return 0;
}

static int read_sharing(struct plan_expand *x, const struct given *g, struct step_mount *m)
{
	static const char *const names[] = {"shared", "private", "locked"};
	unsigned i = 0;

	while (g->has[KEY_SHARING] && i < 3 && strcasecmp(names[i], g->value[KEY_SHARING]) != 0)
		i++;
	if (i == 3)
		return MOUNT_ERR(x, g, "sharing=%.60s: shared, private and locked are possible", g->value[KEY_SHARING]);
	m->sharing = (enum step_sharing)i;
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int set_secret(struct plan_expand *x, const struct given *g, struct step_mount *m)
{
	const char *target = g->has[KEY_TARGET] ? g->value[KEY_TARGET] : "";
	const char *id = g->has[KEY_ID] ? g->value[KEY_ID] : g->has[KEY_SOURCE] ? g->value[KEY_SOURCE] : "";

	if (g->has[KEY_ID] && g->has[KEY_SOURCE])
		return MOUNT_ERR(x, g, "%s", "id and source are the same: give one of them");
	if (!*id)
		id = last_part(target);
	if (!*id)
		return MOUNT_ERR(x, g, "%s", "a secret needs id=NAME");
	m->id = keep_str(KEEP, id);
	m->env = g->has[KEY_ENV] ? g->value[KEY_ENV] : NULL;
	if (m->env && (!*m->env || strchr(m->env, '=')))
		return MOUNT_ERR(x, g, "env=%.60s: the name of a variable is needed", m->env);
	if (*target)
		m->target = plan_text_path(KEEP, x->step->workdir, target);
	else if (!m->env)
		m->target = plan_text_path(KEEP, "/run/secrets", last_part(id));
	return 0;
}

static int set_from(struct plan_expand *x, const struct given *g, struct step_mount *m)
{
	m->from = g->type == STEP_MOUNT_BIND ? STEP_FROM_CONTEXT : STEP_FROM_NOTHING;
	if (!g->has[KEY_FROM] || !*g->value[KEY_FROM])
		return 0;
	return plan_stage_find(x->p, x->node->s.index, g->value[KEY_FROM], x->line, &m->from, x->err);
}

/* What all types have but secret: a place. */
static int set_target(struct plan_expand *x, const struct given *g, struct step_mount *m)
{
	const char *target = g->has[KEY_TARGET] ? g->value[KEY_TARGET] : "";

	if (!*target)
		return g->type == STEP_MOUNT_SSH ? 0 : MOUNT_ERR(x, g, "%s", "it needs target=PATH");
	m->target = plan_text_path(KEEP, x->step->workdir, target);
	if (!m->target[1])
		return MOUNT_ERR(x, g, "%s", "the root of the container cannot be the target");
	if (g->type == STEP_MOUNT_CACHE)
		m->id = keep_str(KEEP, g->has[KEY_ID] && *g->value[KEY_ID] ? g->value[KEY_ID] : m->target);
	return 0;
}

static int set_numbers(struct plan_expand *x, const struct given *g, struct step_mount *m)
{
	bool rw = false;
	int r = read_number(x, g, KEY_MODE, 8, &m->mode);

	if (r == 0)
		r = read_number(x, g, KEY_UID, 10, &m->uid);
	if (r == 0)
		r = read_number(x, g, KEY_GID, 10, &m->gid);
	if (r == 0)
		r = read_size(x, g, &m->size);
	if (r == 0)
		r = read_bool(x, g, KEY_REQUIRED, &m->required);
	if (r == 0)
		r = read_bool(x, g, KEY_READONLY, &m->read_only);
	if (r == 0)
		r = read_bool(x, g, KEY_READWRITE, &rw);
	if (r == 0 && g->has[KEY_READWRITE])
		m->read_only = !rw;
	return r;
}

int plan_mount_parse(struct plan_expand *x, const char *text, struct step_mount *ret)
{
	static const uint32_t modes[] = {0, 0755, 0, 0400, 0600};
	struct given g = {.text = text};
	struct step_mount m = {.from = STEP_FROM_NOTHING};
	const char *why;
	char **fields = split_fields(KEEP, text, &why);
	int r = 0;

	if (!fields)
		return MOUNT_ERR(x, &g, "%s", why);
	for (; r == 0 && *fields; fields++)
		r = read_field(x, &g, *fields);
	if (r == 0)
		r = read_type(x, &g);
	if (r < 0)
		return r;
	m.type = g.type;
	m.mode = modes[g.type];
	m.read_only = g.type != STEP_MOUNT_CACHE && g.type != STEP_MOUNT_TMPFS;
	r = set_numbers(x, &g, &m);
	if (r == 0)
		r = read_sharing(x, &g, &m);
	if (r == 0)
		r = g.type == STEP_MOUNT_SECRET ? set_secret(x, &g, &m) : set_target(x, &g, &m);
	if (r == 0 && (g.type == STEP_MOUNT_BIND || g.type == STEP_MOUNT_CACHE)) {
		m.source = plan_text_path(KEEP, "/", g.has[KEY_SOURCE] ? g.value[KEY_SOURCE] : "/");
		r = set_from(x, &g, &m);
	}
	if (g.type == STEP_MOUNT_SSH)
		m.id = keep_str(KEEP, g.has[KEY_ID] && *g.value[KEY_ID] ? g.value[KEY_ID] : "default");
	if (r == 0)
		*ret = m;
	return r;
}

int plan_device_parse(struct plan_expand *x, const char *text, struct step_device *ret)
{
	const char *why;
	char **fields = split_fields(KEEP, text, &why);

	for (; fields && *fields; fields++) {
		bool named = !strncmp(*fields, "name=", 5);

		if (!strcmp(*fields, "required") || !strcmp(*fields, "required=true"))
			ret->required = true;
		else if (strcmp(*fields, "required=false") != 0 && !ret->name)
			ret->name = *fields + (named ? 5 : 0);
		else if (strcmp(*fields, "required=false") != 0)
			return PLAN_ERR(x->p, x->line, x->err, EINVAL, "RUN --device=%.200s: \"%.60s\" is not known",
					text, *fields);
	}
	if (!ret->name || !*ret->name)
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "RUN --device=%.200s: the name of a device is needed",
				text);
	return 0;
}
