/* A disk and a name server that hang, put under a program with LD_PRELOAD: while the file that $STALL_WHILE names
 * exists, reading, writing and syncing of recordings (*.mcap) and looking up names wait. Whoever waits makes the file
 * $STALL_SEEN, so that a test knows that the stall is on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static void wait_while(void) {
    const char *gate = getenv("STALL_WHILE");
    const char *seen = getenv("STALL_SEEN");
    if (!gate || !seen)
        return;
    while (access(gate, F_OK) == 0) {
        int fd = open(seen, O_CREAT | O_WRONLY, 0600);
        if (fd >= 0)
            close(fd);
        usleep(5000);
    }
}

static void wait_for(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 5)
        return;
    path[length] = 0;
    if (strcmp(path + length - 5, ".mcap") == 0)
        wait_while();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    wait_for(fd);
    return REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    wait_for(fd);
    return REAL(pwrite64)(fd, bytes, count, at);
}

ssize_t read(int fd, void *bytes, size_t count) {
    wait_for(fd);
    return REAL(read)(fd, bytes, count);
}

ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    wait_for(fd);
    return REAL(pread64)(fd, bytes, count, at);
}

int fsync(int fd) {
    wait_for(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    wait_for(fd);
    return REAL(fdatasync)(fd);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    wait_while();
    return REAL(getaddrinfo)(node, service, hints, found);
}
