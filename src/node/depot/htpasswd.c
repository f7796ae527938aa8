/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/htpasswd.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"

#include <crypt.h>
#include <fcntl.h>
#include <string.h>

#define FILE_MAX (4u << 20)
#define HASH_LEN 60u

struct htpasswd {
	struct map users; /* name -> hash */
	char *some;	  /* one of the hashes */
};

/* "$2y$10$" and 53 characters of its alphabet. */
static bool is_bcrypt(const char *hash)
{
	static const char alphabet[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return strlen(hash) == HASH_LEN && hash[0] == '$' && hash[1] == '2' && strchr("aby", hash[2]) &&
	       hash[3] == '$' && strspn(hash + 4, "0123456789") == 2 && hash[6] == '$' &&
	       strspn(hash + 7, alphabet) == HASH_LEN - 7;
}

static int add_line(struct htpasswd *h, const char *file, unsigned number, char *line, struct err *err)
{
	char *colon;

	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#')
		return 0;
	colon = strchr(line, ':');
	if (!colon || colon == line)
		return err_set(err, EINVAL, "%s:%u: the line is not NAME:HASH", file, number);
	*colon = '\0';
	if (!is_bcrypt(colon + 1))
		return err_set(err, EINVAL,
			       "%s:%u: the password of \"%s\" is no bcrypt hash; make it with: htpasswd -B", file,
			       number, line);
	free(map_put(&h->users, line, mem_strdup(colon + 1)));
	if (!h->some)
		h->some = mem_strdup(colon + 1);
	return 0;
}

static int add_lines(struct htpasswd *h, const char *file, char *text, struct err *err)
{
	unsigned number = 0;
	int r = 0;

	for (char *end; r == 0 && text; text = end) {
		end = strchr(text, '\n');
		if (end)
			*end++ = '\0';
		r = add_line(h, file, ++number, text, err);
	}
	return r;
}

int htpasswd_load(const char *file, struct htpasswd **ret, struct err *err)
{
	fd_cleanup int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	mem_cleanup char *text = NULL;
	struct htpasswd *h;
	size_t n;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open the users' file \"%s\"", file);
	r = fd_read_all(fd, FILE_MAX, &text, &n);
	if (r < 0)
		return err_sys(err, -r, "read the users' file \"%s\"", file);
	h = mem_new(struct htpasswd);
	r = add_lines(h, file, text, err);
	if (r == 0 && !h->some)
		r = err_set(err, EINVAL, "the users' file \"%s\" has no users; add one with: htpasswd -B %s NAME", file,
			    file);
	explicit_bzero(text, n);
	if (r < 0) {
		htpasswd_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct htpasswd *htpasswd_free(struct htpasswd *h)
{
	if (!h)
		return NULL;
	for (struct map_slot *s = NULL; (s = map_next(&h->users, s));)
		free(s->value);
	map_free(&h->users);
	free(h->some);
	free(h);
	return NULL;
}

const char *htpasswd_hash(const struct htpasswd *h, const char *user, bool *ret_known)
{
	const char *hash = map_get(&h->users, user);

	*ret_known = hash != NULL;
	return hash ? hash : h->some;
}

bool htpasswd_check(const char *hash, const char *password)
{
	struct crypt_data *data = mem_new(struct crypt_data);
	const char *is = crypt_rn(password, hash, data, (int)sizeof *data);
	unsigned differs = !is || strlen(is) != strlen(hash);

	for (size_t i = 0; is && is[i] && hash[i]; i++)
		differs |= (unsigned)(is[i] ^ hash[i]);
	explicit_bzero(data, sizeof *data);
	free(data);
	return !differs;
}
