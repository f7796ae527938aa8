/* SPDX-License-Identifier: Apache-2.0
 *
 * canary FOLDER: stands outside all containers and watches. It says "ready" when it does; when its standard input ends it says what happened
 * meanwhile, one line each, and "end" as the last one. Lines before "end" mean that an attack reached it; no "end" means that it was killed.
 *   file   whatever was opened, read, written, made, removed or changed in FOLDER (inotify), and files that are not as they were
 *   signal whatever signal this very process, a process of the host, was sent
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 64, EVENTS_MAX = 32 };

static const struct {
	uint32_t bit;
	const char *name;
} kinds[] = {{IN_ACCESS, "read"},	    {IN_ATTRIB, "attributes changed"},	{IN_CREATE, "made"},
	     {IN_DELETE, "removed"},	    {IN_DELETE_SELF, "removed"},	{IN_MODIFY, "written"},
	     {IN_MOVED_FROM, "moved away"}, {IN_MOVED_TO, "moved here"},	{IN_MOVE_SELF, "moved"},
	     {IN_OPEN, "opened"},	    {IN_Q_OVERFLOW, "events were lost"}};

/* FNV-1a of the names, modes, owners and contents, in the order of the names. */
static uint64_t mix(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t mix_file(uint64_t h, int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char buf[4096];
	ssize_t n;

	h = mix(h, name, strlen(name));
	if (fd < 0 || fstat(fd, &st) < 0)
		return mix(h, "?", 1);
	h = mix(h, &st.st_mode, sizeof st.st_mode);
	h = mix(h, &st.st_uid, sizeof st.st_uid);
	while (S_ISREG(st.st_mode) && (n = read(fd, buf, sizeof buf)) > 0)
		h = mix(h, buf, (size_t)n);
	close(fd);
	return h;
}

static uint64_t hash(const char *folder)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort), dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t h = 0xcbf29ce484222325u;

	for (int i = 0; i < n; i++) {
		if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0)
			h = mix_file(h, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	close(dir);
	return h;
}

static void tell_file(const struct inotify_event *e)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (e->mask & kinds[i].bit)
			printf("file %s: %s\n", e->len ? e->name : ".", kinds[i].name);
	}
}

/* The first few say enough; the rest is only taken away. */
static void drain_files(int fd, int *told)
{
	union {
		struct inotify_event e;
		char bytes[8192];
	} buf;
	ssize_t n;

	while ((n = read(fd, &buf, sizeof buf)) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf.bytes + at);

			if ((*told)++ < EVENTS_MAX)
				tell_file(e);
			at += (ssize_t)(sizeof *e + e->len);
		}
	}
}

static void drain_signals(int fd)
{
	struct signalfd_siginfo s;

	while (read(fd, &s, sizeof s) == sizeof s)
		printf("signal %u from process %u\n", s.ssi_signo, s.ssi_pid);
}

int main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";
	uint64_t before = hash(folder);
	int files = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), signals, told = 0;
	struct pollfd fds[3];
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signals = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
	if (files < 0 || signals < 0 ||
	    inotify_add_watch(files, folder, IN_ALL_EVENTS & ~(IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)) < 0) {
		perror(folder);
		return 1;
	}
	puts("ready");
	fflush(stdout);
	fds[0] = (struct pollfd){.fd = 0, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = files, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = signals, .events = POLLIN};
	do {
		char c;

		poll(fds, 3, -1);
		drain_files(files, &told);
		drain_signals(signals);
		if (fds[0].revents && read(0, &c, 1) <= 0)
			break;
	} while (1);
	close(files);
	if (hash(folder) != before)
		puts("file: not as it was");
	puts("end");
	return 0;
}
