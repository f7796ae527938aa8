/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/member.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/store/store.h"
#include "base/wire/json.h"
#include "cluster/link/authority.h"
#include "cluster/link/join.h"
#include "cluster/link/link.h"
#include "cluster/link/listen.h"
#include "cluster/link/join_token.h"
#include "cluster/server/fleet.h"
#include "cluster/server/manners.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"
#include "cluster/server/trust.h"

#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICKETS_MAX 1000
#define RECORD_MAX 4096

/* ---- tokens ---- */

static struct ticket *ticket_find(const struct server *s, const char *id)
{
	struct ticket *t = s->tickets;

	while (t && strcmp(t->id, id) != 0)
		t = t->next;
	return t;
}

static void ticket_unlink(struct server *s, struct ticket *t)
{
	struct ticket **p = &s->tickets;

	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	free(t);
}

static char *ticket_stored(const struct ticket *t)
{
	return mem_printf("{\"hash\":\"%s\",\"created_ms\":%" PRId64 ",\"expires_ms\":%" PRId64 ",\"uses\":%" PRId64
			  "}",
			  t->hash, t->created_ms, t->expires_ms, t->uses);
}

int ticket_load(struct server *s, const char *id, const char *text, size_t len, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, len, RECORD_MAX, "the record of a token", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	struct ticket *t;
	const char *hash = "";
	int r;

	if (!doc)
		return -err->code;
	t = mem_new(struct ticket);
	snprintf(t->id, sizeof t->id, "%s", id);
	r = yyjson_is_obj(o) ? json_get_str(o, "hash", &hash, err) : err_set(err, EBADMSG, "an object is needed");
	if (r == 0)
		r = json_get_int(o, "created_ms", 0, INT64_MAX, &t->created_ms, err);
	if (r == 0)
		r = json_get_int(o, "expires_ms", 0, INT64_MAX, &t->expires_ms, err);
	if (r == 0)
		r = json_get_int(o, "uses", -1, INT64_MAX, &t->uses, err);
	if (r < 0) {
		free(t);
		return err_wrap(err, "token %s", id);
	}
	snprintf(t->hash, sizeof t->hash, "%s", hash);
	t->next = s->tickets;
	s->tickets = t;
	return 0;
}

/* ---- writing ---- */

struct member_note {
	struct member_note *next; /* of those who are joining */
	struct server *server;
	struct ticket *ticket; /* to be listed when it is durable */
	struct link_guest *guest;
	char *text; /* the token, or the certificate */
	char node[CERT_NAME_MAX], member[CERT_MEMBER_MAX], id[16];
	server_done_fn done;
	void *ctx;
};

static void note_free(struct member_note *n)
{
	free(n->text);
	free(n);
}

static void append(struct server *s, const char *kind, const char *json, const struct store_doc *docs, size_t n,
		   store_done_fn done, struct member_note *note)
{
	struct store_event e = {.time_ms = server_now(s), .kind = kind, .data = json, .len = strlen(json)};

	note->server = s;
	store_append(s->store, &e, docs, n, done, note);
}

static void on_created(void *ctx, uint64_t seq, const struct err *error)
{
	struct member_note *n = ctx;
	struct server *s = n->server;

	(void)seq;
	if (error) {
		free(n->ticket);
	} else {
		n->ticket->next = s->tickets;
		s->tickets = n->ticket;
	}
	n->done(n->ctx, error ? "" : n->text, error);
	note_free(n);
}

static void drop_expired(struct server *s)
{
	for (struct ticket *t = s->tickets, *next; t; t = next) {
		mem_cleanup char *key = mem_printf("token/%s", t->id);

		next = t->next;
		if (t->uses != 0 && (!t->expires_ms || t->expires_ms > server_now(s)))
			continue;
		store_remove(s->store, key);
		ticket_unlink(s, t);
	}
}

void server_token_create(struct server *s, int64_t life_ms, int64_t uses, server_done_fn done, void *ctx)
{
	mem_cleanup char *key = NULL, *json = NULL, *value = NULL;
	char text[JOIN_TOKEN_TEXT_MAX];
	struct join_token token;
	struct ticket *t;
	struct member_note *n;
	struct err err = ERR_INIT;
	size_t count = 0;

	drop_expired(s);
	for (t = s->tickets; t; t = t->next)
		count++;
	if (!s->authority || count >= TICKETS_MAX) {
		err_set(&err, EBUSY, "%s",
			s->authority ? "there are 1000 tokens; remove some (berth token rm)"
				     : "this berth has no door for agents: start it with berth server, or with berth "
				       "up --agents HOST:PORT");
		done(ctx, "", &err);
		return;
	}
	join_token_make(s->authority->pin, &token);
	join_token_text(&token, text);
	t = mem_new(struct ticket);
	snprintf(t->id, sizeof t->id, "%s", token.id);
	join_token_hash(token.secret, t->hash);
	t->created_ms = server_now(s);
	t->expires_ms = life_ms > 0 ? t->created_ms + life_ms : 0;
	t->uses = uses > 0 ? uses : -1;
	n = mem_new(struct member_note);
	*n = (struct member_note){.ticket = t, .text = mem_strdup(text), .done = done, .ctx = ctx};
	key = mem_printf("token/%s", t->id);
	json = mem_printf("{\"token\":\"%s\"}", t->id);
	value = ticket_stored(t);
	append(s, "token_create", json, &(struct store_doc){.key = key, .value = value, .len = strlen(value)}, 1,
	       on_created, n);
}

static void on_removed(void *ctx, uint64_t seq, const struct err *error)
{
	struct member_note *n = ctx;
	struct ticket *t = ticket_find(n->server, n->id);

	(void)seq;
	if (!error && t)
		ticket_unlink(n->server, t);
	n->done(n->ctx, n->id, error);
	note_free(n);
}

void server_token_remove(struct server *s, const char *id, server_done_fn done, void *ctx)
{
	struct ticket *t = ticket_find(s, id);
	mem_cleanup char *key = NULL, *json = NULL;
	struct err err = ERR_INIT;
	struct member_note *n;

	if (!t) {
		err_set(&err, ENOENT, "there is no token \"%.80s\" (berth token ls)", id);
		done(ctx, "", &err);
		return;
	}
	n = mem_new(struct member_note);
	*n = (struct member_note){.done = done, .ctx = ctx};
	snprintf(n->id, sizeof n->id, "%s", id);
	key = mem_printf("token/%s", id);
	json = mem_printf("{\"token\":\"%s\"}", id);
	append(s, "token_remove", json, &(struct store_doc){.key = key}, 1, on_removed, n);
}

char *server_tokens_json(struct server *s)
{
	struct buf out = BUF_INIT;

	drop_expired(s);
	buf_addc(&out, '[');
	for (const struct ticket *t = s->tickets; t; t = t->next)
		buf_printf(&out,
			   "%s{\"id\":\"%s\",\"created_ms\":%" PRId64 ",\"expires_ms\":%" PRId64 ",\"uses\":%" PRId64
			   "}",
			   out.len > 1 ? "," : "", t->id, t->created_ms, t->expires_ms, t->uses);
	buf_addc(&out, ']');
	return buf_take(&out);
}

/* ---- joining ---- */

static void on_joined(void *ctx, uint64_t seq, const struct err *error)
{
	struct member_note *n = ctx;
	struct server *s = n->server;
	struct ticket *t = ticket_find(s, n->id);
	struct member_note **p = &s->joining;
	struct node *node;

	(void)seq;
	while (*p != n)
		p = &(*p)->next;
	*p = n->next;
	if (error) {
		if (t && t->uses >= 0)
			t->uses++;
		log_err(error, "a node that wants to join");
	} else {
		node = fleet_get(s, n->node);
		snprintf(node->member, sizeof node->member, "%s", n->member);
		node->joined_ms = server_now(s);
		log_info("node %s has joined", n->node);
	}
	link_guest_answer(n->guest, n->text, error);
	note_free(n);
}

/* One answer for everything that is wrong with a token, so that nothing can be learnt by trying. */
static struct ticket *check_token(struct server *s, const char *text, struct err *err)
{
	struct join_token token;
	struct ticket *t = join_token_parse(text, &token, err) == 0 ? ticket_find(s, token.id) : NULL;

	if (t && join_token_fits(token.secret, t->hash) && t->uses != 0 &&
	    (!t->expires_ms || t->expires_ms > server_now(s)))
		return t;
	err_set(
	    err, EPERM,
	    "the token is not valid: it has expired, was used up, or is of another cluster (berth token create makes "
	    "a new one)");
	return NULL;
}

static int check_node(struct server *s, const char *name, struct err *err)
{
	const struct node *n = fleet_find(s, name);
	const struct member_note *other = s->joining;

	while (other && strcmp(other->node, name) != 0)
		other = other->next;
	if (other || (n && (n->member[0] || n->session)))
		return err_set(
		    err, EEXIST,
		    "there is a node %s already; choose another name (--node-name), or remove that one first "
		    "(berth node rm %s)",
		    name, name);
	return 0;
}

static int make_member(struct server *s, const struct join_request *j, struct member_note *n, struct err *err)
{
	random_hex(n->member, sizeof n->member - 1);
	snprintf(n->node, sizeof n->node, "%s", j->node);
	return authority_sign(s->authority, j->request, j->node, n->member, s->cert_s, &n->text, err);
}

static void on_join(void *ctx, const struct join_request *j, struct link_guest *g)
{
	struct server *s = ctx;
	struct err err = ERR_INIT;
	struct ticket *t = check_token(s, j->token, &err);
	mem_cleanup char *node_key = NULL, *token_key = NULL, *node_value = NULL, *token_value = NULL, *json = NULL;
	struct store_doc docs[2];
	struct member_note *n;

	if (!t || check_node(s, j->node, &err) < 0) {
		link_guest_answer(g, NULL, &err);
		return;
	}
	n = mem_new(struct member_note);
	n->guest = g;
	if (make_member(s, j, n, &err) < 0) {
		note_free(n);
		link_guest_answer(g, NULL, &err);
		return;
	}
	snprintf(n->id, sizeof n->id, "%s", t->id);
	if (t->uses > 0)
		t->uses--;
	node_key = mem_printf("node/%s", n->node);
	node_value = mem_printf("{\"member\":\"%s\",\"joined_ms\":%" PRId64 "}", n->member, server_now(s));
	token_key = mem_printf("token/%s", t->id);
	token_value = ticket_stored(t);
	json = mem_printf("{\"node\":\"%s\",\"token\":\"%s\"}", n->node, t->id);
	docs[0] = (struct store_doc){.key = node_key, .value = node_value, .len = strlen(node_value)};
	docs[1] = (struct store_doc){.key = token_key, .value = token_value, .len = strlen(token_value)};
	n->next = s->joining;
	s->joining = n;
	append(s, "node_join", json, docs, 2, on_joined, n);
}

/* ---- members ---- */

static bool on_admit(void *ctx, const char *node, const char *member)
{
	struct server *s = ctx;
	struct node *n = fleet_find(s, node);

	if (n && n->member[0] && !strcmp(n->member, member)) {
		if (manners_may_link(n))
			return true;
		if (manners_may_log(n))
			log_warning("node %s links more often than once in two seconds: it has to wait", node);
		return false;
	}
	if (log_quota_may(&s->strangers, "certificates of those who are no members"))
		log_warning("an agent shows a certificate of the node %s, which is no member any more", node);
	return false;
}

static void on_link(void *ctx, const char *node, struct link_end *e)
{
	fleet_attach(ctx, e, node);
}

void member_renew(struct session *x, const struct link_msg *m)
{
	struct server *s = x->server;
	mem_cleanup char *cert = NULL;
	struct err err = ERR_INIT;

	if (!x->node || !x->name[0] || !s->authority)
		return;
	if (!manners_may_renew(x->node, s->cert_s)) {
		if (manners_may_log(x->node))
			log_warning("node %s wants more certificates than it can need: no answer", x->name);
		return;
	}
	if (authority_sign(s->authority, m->text, x->name, x->node->member, s->cert_s, &cert, &err) == 0)
		link_send(x->link, &(struct link_msg){.type = LINK_CERT, .text = cert});
	else if (manners_may_log(x->node))
		log_warning("node %s: renew its certificate: %s", x->name, err.text);
}

/* Where the door is: from this machine, and, as far as we can say that, from others. */
static void note_door(struct server *s, int fd, const char *dir)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "", own[256] = "";
	const char *slash = strrchr(dir, '/');
	bool any, six;

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	any = !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
	six = strchr(host, ':') != NULL;
	if (any && gethostname(own, sizeof own - 1) < 0)
		own[0] = '\0';
	s->agents_local = any ? mem_printf("127.0.0.1:%s", port) : mem_printf(six ? "[%s]:%s" : "%s:%s", host, port);
	s->agents_outside = any ? mem_printf("%s:%s", own, port) : mem_strdup(s->agents_local);
	s->sources_dir = mem_printf("%.*s/sources", slash ? (int)(slash - dir) : 1, slash ? dir : ".");
}

int server_listen_agents(struct server *s, int fd, const struct trust_options *o, struct err *err)
{
	static const struct link_listen_hooks hooks = {.admit = on_admit, .link = on_link, .join = on_join};
	struct authority *a = mem_new(struct authority);
	int r = trust_open(s->store, s->loop, o, a, err);

	if (r < 0) {
		free(a);
		close(fd);
		return r;
	}
	s->authority = a;
	note_door(s, fd, o->folder);
	sources_touch(s);
	return link_listen(s->loop, fd, a, &hooks, s, &s->listener, err);
}

void member_free_all(struct server *s)
{
	s->listener = link_unlisten(s->listener);
	if (s->authority)
		authority_free(s->authority);
	free(s->authority);
	free(s->agents_local);
	free(s->agents_outside);
	free(s->sources_dir);
	while (s->tickets)
		ticket_unlink(s, s->tickets);
}
