/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/hosts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/net/dns.h"
#include "node/net/dns_resolv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define MADE ".made"
#define GATEWAY "host-gateway"

static const char always[] = "127.0.0.1\tlocalhost\n"
			     "::1\tlocalhost ip6-localhost ip6-loopback\n"
			     "fe00::\tip6-localnet\n"
			     "ff00::\tip6-mcastprefix\n"
			     "ff02::1\tip6-allnodes\n"
			     "ff02::2\tip6-allrouters\n";

/* ---- hosts ---- */

static bool word_ok(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (text[i] <= ' ' || text[i] == '#' || text[i] == 0x7f)
			return false;
	}
	return n > 0 && n <= 253;
}

static bool address_ok(const char *text)
{
	unsigned char b[16];

	return inet_pton(AF_INET, text, b) == 1 || inet_pton(AF_INET6, text, b) == 1;
}

/* "NAME:ADDRESS", "NAME=ADDRESS", "NAME:[V6]" -> the length of the name and the address, new memory. */
static int split_extra(const char *text, size_t *ret_name, char **ret_address, struct err *err)
{
	size_t n = strcspn(text, ":="), len;
	const char *address = text[n] ? text + n + 1 : "";
	mem_cleanup char *copy = NULL;

	len = strlen(address);
	copy = len > 2 && address[0] == '[' && address[len - 1] == ']' ? mem_strndup(address + 1, len - 2)
								       : mem_strdup(address);
	if (!text[n] || !word_ok(text, n))
		return err_set(err, EINVAL, "bad format for add-host: \"%s\"", text);
	if (strcmp(copy, GATEWAY) != 0 && !address_ok(copy))
		return err_set(err, EINVAL, "invalid IP address in add-host: \"%s\"", copy);
	*ret_name = n;
	*ret_address = mem_take(copy);
	return 0;
}

int hosts_check_extra(char *const *extra, struct err *err)
{
	for (size_t i = 0; extra && extra[i]; i++) {
		mem_cleanup char *address = NULL;
		size_t n;
		int r = i < HOSTS_EXTRA_MAX ? split_extra(extra[i], &n, &address, err)
					    : err_set(err, E2BIG, "more than %d extra hosts", HOSTS_EXTRA_MAX);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_extra(struct buf *out, const char *text, char *const *gateways, struct err *err)
{
	mem_cleanup char *address = NULL;
	size_t n;
	int r = split_extra(text, &n, &address, err);

	if (r < 0)
		return r;
	if (strcmp(address, GATEWAY) != 0) {
		buf_printf(out, "%s\t%.*s\n", address, (int)n, text);
		return 0;
	}
	if (!gateways || !gateways[0])
		return err_set(
		    err, EINVAL,
		    "unable to derive the IP value for host-gateway: this container is on no network that has one");
	for (size_t i = 0; gateways[i]; i++)
		buf_printf(out, "%s\t%.*s\n", gateways[i], (int)n, text);
	return 0;
}

static void add_own(struct buf *out, const struct hosts_wish *w)
{
	const char *domain = w->domainname && *w->domainname ? w->domainname : NULL;

	if (!w->hostname || !*w->hostname)
		return;
	for (size_t i = 0; w->addresses && w->addresses[i]; i++) {
		if (domain)
			buf_printf(out, "%s\t%s.%s %s\n", w->addresses[i], w->hostname, domain, w->hostname);
		else
			buf_printf(out, "%s\t%s\n", w->addresses[i], w->hostname);
	}
}

int hosts_text(const struct hosts_wish *w, const char *machine, char **ret, struct err *err)
{
	buf_cleanup struct buf out = BUF_LIMIT(HOSTS_TEXT_MAX);
	bool copied = w->servers == HOSTS_MACHINE && machine && *machine;

	buf_adds(&out, copied ? machine : always);
	if (out.len > 0 && out.data[out.len - 1] != '\n')
		buf_addc(&out, '\n');
	for (size_t i = 0; w->extra && w->extra[i]; i++) {
		int r = add_extra(&out, w->extra[i], w->gateways, err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < w->n_links; i++)
		buf_printf(&out, "%s\t%s\n", w->links[i].ip, w->links[i].names);
	add_own(&out, w);
	if (out.full)
		return err_set(err, E2BIG, "/etc/hosts would be longer than %u bytes", HOSTS_TEXT_MAX);
	*ret = buf_take(&out);
	return 0;
}

/* ---- resolv.conf ---- */

static bool empty(char *const *v)
{
	return !v || !v[0];
}

/* The servers that can be reached from another network namespace. */
static char **far_servers(char *const *servers)
{
	char **far = NULL;

	for (size_t i = 0; servers && servers[i]; i++) {
		struct dns_target t;

		if (dns_target_parse(servers[i], &t) && !dns_target_loopback(&t))
			mem_strv_add(&far, servers[i]);
	}
	return far;
}

/* One's own server knows which names are whole: nothing is to be tried before. */
static char **with_ndots(char *const *options)
{
	char **v = mem_strv_dup(options);

	for (size_t i = 0; v && v[i]; i++) {
		if (!strncmp(v[i], "ndots:", 6))
			return v;
	}
	mem_strv_add(&v, "ndots:0");
	return v;
}

static char *resolv_text(const struct hosts_wish *w, char *const *servers, char *const *search, char *const *options,
			 bool ours)
{
	cleanup_with(mem_strv_freep) char **mine = NULL, **dotted = ours ? with_ndots(options) : NULL;

	if (ours)
		mem_strv_add(&mine, DNS_ADDRESS);
	if (!empty(w->search))
		search = strcmp(w->search[0], ".") != 0 ? w->search : NULL;
	return dns_resolv_text(ours ? mine : servers, search, ours ? dotted : options);
}

char *hosts_resolv_text(const struct hosts_wish *w, const char *machine, bool *ret_ours)
{
	cleanup_with(mem_strv_freep) char **far = NULL;
	struct dns_resolv m;
	char *const *servers, *const *options;
	char *text;

	dns_resolv_parse(machine ? machine : "", machine ? strlen(machine) : 0, &m);
	options = empty(w->options) ? m.options : w->options;
	servers = empty(w->dns) ? m.servers : w->dns;
	if ((w->servers == HOSTS_BRIDGE || w->servers == HOSTS_NOWHERE) && empty(w->dns)) {
		far = far_servers(m.servers);
		servers = far;
	}
	*ret_ours = w->servers == HOSTS_OURS || (w->servers == HOSTS_BRIDGE && empty(servers) && !empty(m.servers));
	text = resolv_text(w, servers, m.search, options, *ret_ours);
	dns_resolv_free(&m);
	return text;
}

/* ---- files ---- */

static bool has_line(const char *text, const char *line, size_t n)
{
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");

		if (len == n && !memcmp(at, line, n))
			return true;
		at += len + (at[len] == '\n');
	}
	return false;
}

/* The lines of `from` that are not in `but`. */
static void add_lines(struct buf *out, const char *from, const char *but)
{
	for (const char *at = from; *at;) {
		size_t n = strcspn(at, "\n");

		if (!has_line(but, at, n)) {
			buf_add(out, at, n);
			buf_addc(out, '\n');
		}
		at += n + (at[n] == '\n');
	}
}

char *hosts_merge(const char *present, const char *old_made, const char *new_made)
{
	struct buf out = BUF_INIT;
	buf_cleanup struct buf gone = BUF_INIT;

	/* What was ours and is not any more goes; what is new comes. */
	add_lines(&gone, old_made, new_made);
	add_lines(&out, present, buf_str(&gone));
	add_lines(&out, new_made, old_made);
	return buf_take(&out);
}

/* In place: somebody may have mounted it. */
static int write_file(int dir, const char *name, const char *text, const struct hosts_wish *w, struct err *err)
{
	size_t n = strlen(text);
	fd_cleanup int fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0644);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open %s in the container's directory", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s in the container's directory is no file", name);
	/* Cut afterwards: nobody who reads it meanwhile sees an empty one. */
	if (pwrite(fd, text, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)n) < 0)
		return err_sys(err, errno ? errno : EIO, "write %s in the container's directory", name);
	if ((st.st_uid != w->owner || st.st_gid != w->group) && fchown(fd, w->owner, w->group) < 0)
		return err_sys(err, errno, "change the owner of %s", name);
	return 0;
}

static int write_made(int dir, const char *name, const char *text, const struct hosts_wish *w, struct err *err)
{
	mem_cleanup char *made = mem_printf("%s" MADE, name);
	int r = write_file(dir, name, text, w, err);

	return r < 0 ? r : fs_write_atomic(dir, made, text, strlen(text), 0600, false, err);
}

/* NULL = it is not there, is no file or too long. */
static char *read_file(int dir, const char *name)
{
	char *text = NULL;
	size_t n;

	return fs_read(dir, name, HOSTS_TEXT_MAX, &text, &n, NULL) < 0 ? NULL : text;
}

/* The machine's resolv.conf is often a link to somewhere else. */
static char *read_machine(int etc, const char *name)
{
	fd_cleanup int fd = openat(etc, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *text = NULL;
	size_t n;

	return fd < 0 || fd_read_all(fd, DNS_RESOLV_MAX, &text, &n) < 0 ? NULL : text;
}

struct texts {
	char *hosts, *resolv;
};

static void texts_free(struct texts *t)
{
	free(t->hosts);
	free(t->resolv);
}

static int make_texts(int etc, const struct hosts_wish *w, struct texts *t, bool *ret_ours, struct err *err)
{
	mem_cleanup char *hosts = w->servers == HOSTS_MACHINE ? read_machine(etc, "hosts") : NULL;
	mem_cleanup char *resolv = read_machine(etc, "resolv.conf");

	t->resolv = hosts_resolv_text(w, resolv, ret_ours);
	return hosts_text(w, hosts, &t->hosts, err);
}

int hosts_write(int dir, int etc, const struct hosts_wish *w, bool *ret_ours, struct err *err)
{
	cleanup_with(texts_free) struct texts t = {.hosts = NULL};
	mem_cleanup char *hostname = mem_printf("%s\n", w->hostname ? w->hostname : "");
	int r = make_texts(etc, w, &t, ret_ours, err);

	if (r == 0)
		r = write_made(dir, HOSTS_FILE, t.hosts, w, err);
	if (r == 0)
		r = write_made(dir, HOSTS_RESOLV_FILE, t.resolv, w, err);
	return r < 0 ? r : write_file(dir, HOSTS_HOSTNAME_FILE, hostname, w, err);
}

static int update_hosts(int dir, const char *text, const struct hosts_wish *w, struct err *err)
{
	mem_cleanup char *present = read_file(dir, HOSTS_FILE), *made = read_file(dir, HOSTS_FILE MADE), *merged = NULL;
	int r;

	if (!present || !made || !strcmp(made, text))
		return 0;
	merged = hosts_merge(present, made, text);
	r = write_file(dir, HOSTS_FILE, merged ? merged : "", w, err);
	return r < 0 ? r : fs_write_atomic(dir, HOSTS_FILE MADE, text, strlen(text), 0600, false, err);
}

static int update_resolv(int dir, const char *text, const struct hosts_wish *w, struct err *err)
{
	mem_cleanup char *present = read_file(dir, HOSTS_RESOLV_FILE), *made = read_file(dir, HOSTS_RESOLV_FILE MADE);

	if (!present || !made || strcmp(present, made) != 0 || !strcmp(present, text))
		return 0;
	return write_made(dir, HOSTS_RESOLV_FILE, text, w, err);
}

int hosts_update(int dir, int etc, const struct hosts_wish *w, bool *ret_ours, struct err *err)
{
	cleanup_with(texts_free) struct texts t = {.hosts = NULL};
	int r = make_texts(etc, w, &t, ret_ours, err);

	if (r == 0)
		r = update_hosts(dir, t.hosts, w, err);
	return r < 0 ? r : update_resolv(dir, t.resolv, w, err);
}
