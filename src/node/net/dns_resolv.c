/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_resolv.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#define BLANK " \t\r"
#define WORDS_MAX 64

static void take_words(char *text, char ***ret)
{
	char *save = NULL;
	size_t n = 0;

	mem_strv_free(*ret);
	*ret = NULL;
	for (char *w = strtok_r(text, BLANK, &save); w && n < WORDS_MAX; w = strtok_r(NULL, BLANK, &save), n++)
		mem_strv_add(ret, w);
}

static void take_line(char *line, struct dns_resolv *r)
{
	char *save = NULL, *word;

	line[strcspn(line, "#;")] = '\0';
	word = strtok_r(line, BLANK, &save);
	if (!word)
		return;
	if (!strcmp(word, "nameserver")) {
		struct dns_target t;
		const char *server = strtok_r(NULL, BLANK, &save);

		if (server && mem_strv_len(r->servers) < DNS_SERVERS_MAX && dns_target_parse(server, &t))
			mem_strv_add(&r->servers, server);
	} else if (!strcmp(word, "search") || !strcmp(word, "domain")) {
		take_words(save, &r->search);
	} else if (!strcmp(word, "options")) {
		take_words(save, &r->options);
	}
}

void dns_resolv_parse(const char *text, size_t n, struct dns_resolv *ret)
{
	mem_cleanup char *copy = mem_strndup(text, n);
	char *save = NULL;

	*ret = (struct dns_resolv){.servers = NULL};
	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(line, ret);
}

void dns_resolv_free(struct dns_resolv *r)
{
	mem_strv_free(r->servers);
	mem_strv_free(r->search);
	mem_strv_free(r->options);
	*r = (struct dns_resolv){.servers = NULL};
}

static void add_words(struct buf *out, const char *head, char *const *words)
{
	if (!words || !words[0])
		return;
	buf_adds(out, head);
	for (size_t i = 0; words[i]; i++)
		buf_printf(out, " %s", words[i]);
	buf_addc(out, '\n');
}

char *dns_resolv_text(char *const *servers, char *const *search, char *const *options)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; servers && servers[i]; i++)
		buf_printf(&out, "nameserver %s\n", servers[i]);
	add_words(&out, "search", search);
	add_words(&out, "options", options);
	if (out.len == 0)
		buf_adds(&out, "");
	return buf_take(&out);
}

/* ---- addresses ---- */

static bool parse_ip6(const char *text, struct sockaddr_in6 *ret)
{
	size_t n = strcspn(text, "%");
	mem_cleanup char *address = mem_strndup(text, n);

	*ret = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(53)};
	if (inet_pton(AF_INET6, address, &ret->sin6_addr) != 1)
		return false;
	if (text[n] == '%')
		ret->sin6_scope_id = if_nametoindex(text + n + 1);
	return true;
}

bool dns_target_parse(const char *text, struct dns_target *ret)
{
	*ret = (struct dns_target){.length = sizeof ret->address.ip4};
	ret->address.ip4.sin_family = AF_INET;
	ret->address.ip4.sin_port = htons(53);
	if (inet_pton(AF_INET, text, &ret->address.ip4.sin_addr) == 1)
		return true;
	ret->length = sizeof ret->address.ip6;
	return parse_ip6(text, &ret->address.ip6);
}

bool dns_target_loopback(const struct dns_target *t)
{
	if (t->address.any.sa_family == AF_INET)
		return ntohl(t->address.ip4.sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&t->address.ip6.sin6_addr);
}
