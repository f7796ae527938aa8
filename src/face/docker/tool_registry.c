/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/image/image.h"
#include "node/registry/login.h"
#include "node/registry/name.h"
#include "node/registry/pull.h"
#include "node/registry/push.h"
#include "node/registry/search.h"

#include <string.h>

/* ---- pull ---- */

void tool_pulled(struct tool *t, const struct registry_pulled *p)
{
	tool_status(t, NULL, "Digest: %s", p->digest);
	tool_status(t, NULL, p->fresh ? "Status: Downloaded newer image for %s" : "Status: Image is up to date for %s",
		    p->name);
}

static int pull_one(struct tool *t, struct image_store *s, const char *image, struct err *err)
{
	cleanup_with(registry_pulled_free) struct registry_pulled p = {.info = NULL};
	cleanup_with(name_free) struct name name = NAME_INIT;
	const struct registry_pull_options o = {
	    .platform = tool_text(t, "platform"), .progress = tool_progress, .ctx = t};
	int r = name_parse(image, &name, err);

	if (r < 0)
		return r;
	tool_status(t, name_reference(&name), "Pulling from %s", name.repo);
	r = registry_pull(s, image, &o, &p, err);
	if (r < 0)
		return r;
	tool_pulled(t, &p);
	return 0;
}

static int pull(struct tool *t, struct image_store *s, struct err *err)
{
	const char *image = tool_text(t, "image");
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r = 0;

	if (!tool_flag(t, "all_tags"))
		return pull_one(t, s, image, err);
	r = registry_all_tags(image, &names, err);
	for (char **n = names; r == 0 && n && *n; n++)
		r = pull_one(t, s, *n, err);
	return r;
}

int tool_pull(struct tool *t, struct err *err)
{
	return tool_on_store(t, pull, err);
}

/* ---- push ---- */

static int push_one(struct tool *t, struct image_store *s, const char *image, struct err *err)
{
	cleanup_with(registry_pushed_free) struct registry_pushed p = {.size = 0};
	cleanup_with(name_free) struct name name = NAME_INIT;
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	const struct registry_push_options o = {.progress = tool_progress, .ctx = t};
	yyjson_mut_doc *aux;
	yyjson_mut_val *root;
	int r = name_parse(image, &name, err);

	if (r < 0)
		return r;
	tool_status(t, NULL, "The push refers to repository [%s/%s]", name.host, name.repo);
	if (image_find(s, image, &info, NULL) == -ENOENT)
		return err_set(err, ENOENT, "An image does not exist locally with the tag: %.300s", name.local);
	r = registry_push(s, image, &o, &p, err);
	if (r < 0)
		return r;
	tool_status(t, NULL, "%s: digest: %s size: %zu", name_reference(&name), p.digest, p.size);
	aux = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(aux);
	yyjson_mut_doc_set_root(aux, root);
	yyjson_mut_obj_add_strcpy(aux, root, "Tag", name_reference(&name));
	yyjson_mut_obj_add_strcpy(aux, root, "Digest", p.digest);
	yyjson_mut_obj_add_uint(aux, root, "Size", p.size);
	tool_aux(t, aux);
	return 0;
}

/* All names that an image has in the repository. */
static char **repo_tags(struct image_store *s, const char *repo)
{
	struct image_info **all = image_list(s);
	size_t n = strlen(repo);
	char **names = NULL;

	for (struct image_info **i = all; *i; i++) {
		if (!strncmp((*i)->name, repo, n) && (*i)->name[n] == ':' && !strchr((*i)->name + n, '/'))
			mem_strv_add(&names, (*i)->name);
		image_info_free(*i);
	}
	free(all);
	return names;
}

static int push(struct tool *t, struct image_store *s, struct err *err)
{
	const char *image = tool_text(t, "image");
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r = 0;

	if (!image || !tool_flag(t, "all_tags"))
		return push_one(t, s, image, err);
	names = repo_tags(s, image);
	if (!names)
		return err_set(err, ENOENT, "An image does not exist locally with the tag: %s", image);
	for (char **n = names; r == 0 && *n; n++)
		r = push_one(t, s, *n, err);
	return r;
}

int tool_push(struct tool *t, struct err *err)
{
	return tool_on_store(t, push, err);
}

/* ---- search ---- */

static void add_found(yyjson_mut_doc *d, yyjson_mut_val *list, const struct registry_found *f)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

	yyjson_mut_obj_add_strcpy(d, o, "name", f->name);
	yyjson_mut_obj_add_strcpy(d, o, "description", f->description ? f->description : "");
	yyjson_mut_obj_add_int(d, o, "star_count", f->stars < 0 ? 0 : f->stars);
	yyjson_mut_obj_add_bool(d, o, "is_official", f->official);
	yyjson_mut_obj_add_bool(d, o, "is_automated", false);
}

/* "lab.example:5000/word" searches that registry, as with docker. */
static void split_term(const char *term, char **ret_host, const char **ret_word)
{
	const char *slash = strchr(term, '/');
	size_t n = slash ? (size_t)(slash - term) : 0;
	mem_cleanup char *first = mem_strndup(term, n);
	bool is_host = slash && (strpbrk(first, ".:") || !strcmp(first, "localhost"));

	*ret_host = mem_strdup(is_host ? first : NAME_DEFAULT_HOST);
	*ret_word = is_host ? slash + 1 : term;
}

int tool_search(struct tool *t, struct err *err)
{
	const char *term = tool_text(t, "term"), *word;
	mem_cleanup char *host = NULL;
	struct registry_found *found = NULL;
	yyjson_mut_val *list;
	size_t n = 0;
	int r;

	if (!term)
		return err_set(err, EINVAL, "term is missing: the word to search for");
	split_term(term, &host, &word);
	r = registry_search(host, word, yyjson_get_uint(yyjson_obj_get(t->request, "limit")), &found, &n, err);
	if (r < 0)
		return r;
	list = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "body");
	for (size_t i = 0; i < n; i++)
		add_found(t->answer, list, &found[i]);
	registry_found_free(found, n);
	return 0;
}

/* ---- auth ---- */

int tool_auth(struct tool *t, struct err *err)
{
	const char *server = tool_text(t, "serveraddress"), *user = tool_text(t, "username"),
		   *password = tool_text(t, "password"), *identity = tool_text(t, "identitytoken");
	/* const away: a cred owns its strings elsewhere, and nobody changes them here */
	const struct cred c = {.user = (char *)(uintptr_t)(user ? user : ""),
			       .secret = (char *)(uintptr_t)(password ? password : ""),
			       .identity_token = (char *)(uintptr_t)identity};
	mem_cleanup char *host = NULL, *token = NULL;
	yyjson_mut_val *body;
	int r = name_host(server ? server : "", &host, err);

	if (r == 0)
		r = registry_login_try(host, &c, &token, err);
	if (r < 0)
		return r;
	body = yyjson_mut_obj_add_obj(t->answer, yyjson_mut_doc_get_root(t->answer), "body");
	yyjson_mut_obj_add_str(t->answer, body, "Status", "Login Succeeded");
	yyjson_mut_obj_add_strcpy(t->answer, body, "IdentityToken", token ? token : "");
	return 0;
}
