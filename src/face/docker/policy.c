/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/policy.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/guard.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "node/engine/engine.h"
#include "node/engine/rights.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <pwd.h>
#include <string.h>

#define FILE_MAX (1u << 20)
#define RULES_MAX 10000

enum who { WHO_UID, WHO_CERT, WHO_TOKEN, WHO_ALL };

struct rule {
	enum who who;
	enum policy_role role;
	bool all_jobs;
	uint32_t uid;
	char *cert;
};

struct policy {
	enum policy_role otherwise;
	bool all_jobs; /* of those whom no rule names */
	struct rule *rules;
	size_t n;
};

/* ---- the file ---- */

/* Each may do less than the one before it. */
static const char *const words[POLICY_N_ROLES] = {"admin", "no-host-access", "read-only", "none"};

static bool find_role(const char *word, enum policy_role *ret)
{
	for (size_t i = 0; i < POLICY_N_ROLES; i++) {
		if (!strcmp(word, words[i])) {
			*ret = (enum policy_role)i;
			return true;
		}
	}
	return false;
}

static int read_role(yyjson_val *obj, const char *key, enum policy_role *ret, struct err *err)
{
	const char *text;
	int r = json_get_str(obj, key, &text, err);

	if (r < 0)
		return r;
	if (find_role(text, ret))
		return 0;
	return err_set(err, EINVAL, "%s: \"%.100s\" is no role: admin, no-host-access, read-only or none", key, text);
}

/* Administrators change all jobs, who only reads none. */
static int read_jobs(yyjson_val *obj, enum policy_role role, bool *ret, struct err *err)
{
	const char *text = NULL;
	int r = json_opt_str(obj, "jobs", &text, err);

	*ret = role == POLICY_ADMIN;
	if (r < 0 || !text)
		return r;
	if (role != POLICY_NO_HOST)
		return err_set(err, EINVAL, "jobs: only the role no-host-access has it, not %s", words[role]);
	if (strcmp(text, "all") != 0 && strcmp(text, "own") != 0)
		return err_set(err, EINVAL, "jobs: \"%.100s\" is neither own nor all", text);
	*ret = *text == 'a';
	return 0;
}

static int read_uid(const char *text, struct rule *r, struct err *err)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n >= UINT32_MAX || *text == '-')
		return err_set(err, EINVAL, "who: \"uid:%.100s\" is no number of a user", text);
	r->who = WHO_UID;
	r->uid = (uint32_t)n;
	return 0;
}

static int read_user(const char *text, struct rule *r, struct err *err)
{
	const struct passwd *pw = getpwnam(text);

	if (!pw)
		return err_set(err, EINVAL, "who: there is no user \"%.100s\" on this machine", text);
	r->who = WHO_UID;
	r->uid = pw->pw_uid;
	return 0;
}

static int read_cert(const char *text, struct rule *r, struct err *err)
{
	if (!*text)
		return err_set(err, EINVAL, "who: \"cert:\" needs the common name of a certificate");
	r->who = WHO_CERT;
	r->cert = mem_strdup(text);
	return 0;
}

static int read_who(const char *text, struct rule *r, struct err *err)
{
	static const struct {
		const char *prefix;
		int (*read)(const char *text, struct rule *r, struct err *err);
	} kinds[] = {{"uid:", read_uid}, {"user:", read_user}, {"cert:", read_cert}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t n = strlen(kinds[i].prefix);

		if (!strncmp(text, kinds[i].prefix, n))
			return kinds[i].read(text + n, r, err);
	}
	if (strcmp(text, "token") != 0 && strcmp(text, "*") != 0)
		return err_set(err, EINVAL, "who: \"%.100s\": uid:N, user:NAME, cert:NAME, token or *", text);
	r->who = *text == '*' ? WHO_ALL : WHO_TOKEN;
	return 0;
}

static int check_members(yyjson_val *obj, const char *a, const char *b, struct err *err)
{
	size_t i, n;
	yyjson_val *key, *value;

	yyjson_obj_foreach (obj, i, n, key, value) {
		(void)value;
		if (!yyjson_equals_str(key, a) && !yyjson_equals_str(key, b) && !yyjson_equals_str(key, "jobs"))
			return err_set(err, EINVAL, "\"%.100s\" is neither \"%s\" nor \"%s\" nor \"jobs\"",
				       yyjson_get_str(key), a, b);
	}
	return 0;
}

static int read_rule(yyjson_val *v, struct rule *ret, struct err *err)
{
	const char *who = NULL;
	int r = check_members(v, "who", "role", err);

	if (r == 0)
		r = read_role(v, "role", &ret->role, err);
	if (r == 0)
		r = read_jobs(v, ret->role, &ret->all_jobs, err);
	if (r == 0)
		r = json_get_str(v, "who", &who, err);
	return r < 0 ? r : read_who(who, ret, err);
}

static int read_rules(struct policy *p, yyjson_val *list, struct err *err)
{
	size_t i, n;
	yyjson_val *v;

	if (list && (!yyjson_is_arr(list) || yyjson_arr_size(list) > RULES_MAX))
		return err_set(err, EINVAL, "rules: a list of at most %d is needed", RULES_MAX);
	p->rules = mem_new_n(struct rule, yyjson_arr_size(list) + 1);
	yyjson_arr_foreach (list, i, n, v) {
		if (read_rule(v, &p->rules[p->n++], err) < 0)
			return err_wrap(err, "rules.%zu", i);
	}
	return 0;
}

int policy_parse(const char *text, size_t n, struct policy **ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, FILE_MAX, "the policy", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	struct policy *p;
	int r;

	if (!doc)
		return -err->code;
	p = mem_new(struct policy);
	r = check_members(root, "default", "rules", err);
	if (r == 0)
		r = read_role(root, "default", &p->otherwise, err);
	if (r == 0)
		r = read_jobs(root, p->otherwise, &p->all_jobs, err);
	if (r == 0)
		r = read_rules(p, yyjson_obj_get(root, "rules"), err);
	if (r < 0)
		policy_free(p);
	else
		*ret = p;
	return r;
}

int policy_load(const char *path, struct policy **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(AT_FDCWD, path, FILE_MAX, &text, &n, err);

	if (r == 0)
		r = policy_parse(text, n, ret, err);
	return r < 0 ? err_wrap(err, "--policy \"%s\"", path) : 0;
}

struct policy *policy_free(struct policy *p)
{
	if (!p)
		return NULL;
	for (size_t i = 0; i < p->n; i++)
		free(p->rules[i].cert);
	free(p->rules);
	free(p);
	return NULL;
}

/* ---- roles ---- */

static bool names(const struct rule *r, const struct policy_caller *c)
{
	switch (r->who) {
	case WHO_UID:
		return c->uid == r->uid && c->uid != UINT32_MAX;
	case WHO_CERT:
		return c->cert && !strcmp(c->cert, r->cert);
	case WHO_TOKEN:
		return c->token;
	case WHO_ALL:
		return true;
	}
	return false;
}

static bool is_root(const struct policy_caller *c)
{
	return c->uid == 0 && !c->cert && !c->token;
}

static const struct rule *rule_of(const struct policy *p, const struct policy_caller *caller)
{
	for (size_t i = 0; i < p->n; i++) {
		if (names(&p->rules[i], caller))
			return &p->rules[i];
	}
	return NULL;
}

enum policy_role policy_role(const struct policy *p, const struct policy_caller *caller)
{
	const struct rule *rule;

	if (!p || is_root(caller))
		return POLICY_ADMIN;
	rule = rule_of(p, caller);
	return rule ? rule->role : p->otherwise;
}

bool policy_all_jobs(const struct policy *p, const struct policy_caller *caller)
{
	const struct rule *rule;

	if (!p || is_root(caller))
		return true;
	rule = rule_of(p, caller);
	return rule ? rule->all_jobs : p->all_jobs;
}

const char *policy_word(enum policy_role role)
{
	return words[role];
}

enum policy_role policy_lesser(enum policy_role role, const char *header)
{
	enum policy_role said = POLICY_NONE;

	if (!header)
		return role;
	(void)find_role(header, &said);
	return said > role ? said : role;
}

/* Beside the role in the request's mark. */
#define MARK_READS 0x100u
#define MARK_OWN_JOBS 0x200u
#define MARK_TOKEN 0x400u
#define MARKS 0xff00u

void policy_mark(struct http_req *r, enum policy_role role, bool all_jobs, bool by_token)
{
	http_req_set_mark(r, (unsigned)role | (all_jobs ? 0 : MARK_OWN_JOBS) | (by_token ? MARK_TOKEN : 0));
}

enum policy_role policy_of(const struct http_req *r)
{
	return (enum policy_role)(http_req_mark(r) & ~MARKS);
}

void policy_owner(struct http_req *r, char ret[static OWNER_MAX])
{
	owner_text(http_req_peer_uid(r), http_req_peer_name(r), http_req_mark(r) & MARK_TOKEN, ret);
}

const char *policy_only(struct http_req *r, char buf[static OWNER_MAX])
{
	if (!RT_GUARD(A1))
		return NULL;
	if (!(http_req_mark(r) & MARK_OWN_JOBS))
		return http_req_header(r, POLICY_OWNER_HEADER);
	policy_owner(r, buf);
	return buf;
}

/* ---- calls ---- */

/* What changes nothing and shows no file of a container. */
static const struct {
	const char *method, *path;
} reads[] = {
    {"GET", "/_ping"},
    {"HEAD", "/_ping"},
    {"GET", "/version"},
    {"GET", "/info"},
    {"GET", "/events"},
    {"GET", "/system/df"},
    {"GET", "/containers/json"},
    {"GET", "/containers/*/json"},
    {"GET", "/containers/*/top"},
    {"GET", "/containers/*/stats"},
    {"GET", "/containers/*/logs"},
    {"GET", "/containers/*/changes"},
    {"POST", "/containers/*/wait"},
    {"GET", "/exec/*/json"},
    {"GET", "/images/json"},
    {"GET", "/images/search"},
    {"GET", "/images/*/json"},
    {"GET", "/images/*/history"},
    {"GET", "/distribution/*/json"},
    {"GET", "/networks"},
    {"GET", "/networks/*"},
    {"GET", "/volumes"},
    {"GET", "/volumes/*"},
    {"GET", "/v1/ping"},
    {"GET", "/v1/info"},
    {"GET", "/v1/system/df"},
    {"GET", "/v1/images"},
    {"GET", "/v1/images/*"},
    {"GET", "/v1/containers"},
    {"GET", "/v1/containers/*"},
    {"GET", "/v1/jobs"},
    {"GET", "/v1/jobs/*"},
    {"GET", "/v1/events"},
    {"GET", "/v1/nodes"},
    {"GET", "/v1/nodes/*"},
    {"GET", "/v1/quotas"},
    {"GET", "/v1/licences"},
    {"GET", "/v1/schedules"},
    {"GET", "/v1/schedules/*"},
    {"GET", "/v1/calendars"},
};

/* '*' does not reach over a slash where Docker's own name must not ("containers/a/json"), but names of images have some. */
static bool is_read(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		if (!strcmp(method, reads[i].method) && fnmatch(reads[i].path, path, 0) == 0)
			return true;
	}
	return false;
}

/* What is done to the machine, not to containers. */
static bool is_for_admins(const char *method, const char *path)
{
	static const char *const paths[] = {"/v1/down",	      "/v1/nodes*",  "/v1/sources*",
					    "/v1/tokens*",    "/v1/quotas*", "/v1/licences*",
					    "/v1/calendars*", "/plugins*",   "/swarm*"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		if (fnmatch(paths[i], path, 0) == 0)
			return strcmp(method, "GET") != 0 || !strncmp(path, "/v1/", 4);
	}
	return false;
}

int policy_check(struct http_req *r, const char *path, struct err *err)
{
	enum policy_role role = policy_of(r);

	if (role == POLICY_ADMIN || !RT_GUARD(A1))
		return 0;
	if (role == POLICY_NONE)
		return err_set(err, EPERM, "you have no role here");
	if (fnmatch("/v1/nodes/*/api/*", path, 0) == 0) /* there the caller would be the server itself */
		return err_set(err, EPERM, "your role may not call the API of a node");
	if (is_read(http_req_method(r), path)) {
		http_req_set_mark(r, http_req_mark(r) | MARK_READS);
		return 0;
	}
	if (role == POLICY_READ_ONLY)
		return err_set(err, EPERM, "your role is read-only");
	return is_for_admins(http_req_method(r), path) ? err_set(err, EPERM, "your role may not call %s", path) : 0;
}

/* A container of a job without the label is of a time when nobody wrote it: nobody's. */
static int check_owner(struct engine *e, struct http_req *r, const char *id, struct err *err)
{
	char buf[OWNER_MAX];
	const char *only = policy_only(r, buf);
	const struct engine_container *c;
	mem_cleanup char *label = only ? mem_printf(OWNER_LABEL "=%s", only) : NULL;
	int x = only ? engine_find(e, id, &c, err) : 0;

	if (x < 0 || !only || !c->job || !*c->job)
		return x;
	for (char *const *l = c->labels; l && *l; l++) {
		if (!strcmp(*l, label))
			return 0;
	}
	return err_set(err, EPERM,
		       "container %s is of job %s, which is not yours: your role may only change jobs of your own",
		       c->name, c->job);
}

int policy_check_container(struct engine *e, struct http_req *r, const char *id, struct err *err)
{
	int x;

	if (http_req_mark(r) & MARK_READS)
		return 0;
	x = check_owner(e, r, id, err);
	return x < 0 || policy_of(r) == POLICY_ADMIN ? x : rights_check_container(e, id, err);
}

int policy_check_spec(struct engine *e, enum policy_role role, yyjson_val *spec, struct err *err)
{
	if (role == POLICY_ADMIN || !RT_GUARD(A1))
		return 0;
	if (role != POLICY_NO_HOST)
		return err_set(err, EPERM, "your role may not start containers");
	return rights_check(e, spec, err);
}

int policy_check_host(const struct http_req *r, const char *what, struct err *err)
{
	if (policy_of(r) == POLICY_ADMIN || !RT_GUARD(A1))
		return 0;
	return err_set(err, EPERM, "your role may not use %s: it would open the machine", what);
}
