/*
 * Writes down what a process does to the files below one folder, and what it lets out to others, in the order
 * in which it does it. Loaded with LD_PRELOAD; the process has one thread.
 *
 * SIMP_TRACE_FOLDER is the folder, an absolute path; SIMP_TRACE is the file that records are appended to, also
 * by the next process. A record is a `struct head` and `length` bytes; trace.rs reads it. It is written after
 * the call that it is about has succeeded, with one system call, so that a killed process leaves whole ones.
 *
 * A call that is missing here does not go unnoticed: the test compares the disk that it makes of the records
 * with the real one, and what left with what arrived.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "the names with and without 64 must mean the same");

enum kind {
    BEGINS = 'b',   /* a process begins: no descriptor of the one before it counts any more */
    OPENS = 'o',    /* bytes: the path; number: the flags below */
    WRITES = 'w',   /* number: the offset; bytes: what is written there */
    RESIZES = 't',  /* number: the new length */
    SYNCS = 's',    /* a file, or a folder with the names in it */
    CLOSES = 'c',
    REMOVES = 'u',  /* bytes: the path */
    RENAMES = 'r',  /* bytes: the old path, NUL, the new one */
    LINKS = 'l',    /* bytes: the path of the file, NUL, its further name */
    MAKES = 'm',    /* bytes: the path of a folder */
    DATAGRAM = 'd', /* bytes: its payload, which has left */
    STREAM = 'a',   /* bytes: written to a connection */
};

enum { CREATED = 1, TRUNCATED = 2 };

struct head {
    uint32_t kind;
    int32_t fd;
    uint64_t number;
    uint64_t length;
};

enum { DESCRIPTORS = 4096, PARTS = 8 };

static int trace = -1;
static const char *folder;
static char watched[DESCRIPTORS];

/* The function of this name that is really meant. */
#define REAL(name)                          \
    static __typeof__(&name) real;          \
    if (!real)                              \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void die(const char *why) {
    fprintf(stderr, "trace: %s\n", why);
    abort();
}

static void record_parts(enum kind kind, int fd, uint64_t number, const struct iovec *parts, size_t count,
                         size_t length) {
    REAL(writev);
    struct head head = {.kind = kind, .fd = fd, .number = number};
    struct iovec all[1 + PARTS] = {{&head, sizeof head}};
    size_t used = 1;
    if (trace < 0)
        return;
    if (count > PARTS)
        die("more parts than there is room for");
    for (size_t i = 0; i < count && head.length < length; i++, used++) {
        size_t rest = length - head.length;
        all[used] = parts[i];
        if (all[used].iov_len > rest)
            all[used].iov_len = rest;
        head.length += all[used].iov_len;
    }
    if (real(trace, all, (int)used) != (ssize_t)(sizeof head + head.length))
        die("a record cannot be written");
}

static void record(enum kind kind, int fd, uint64_t number, const void *bytes, size_t length) {
    struct iovec part = {(void *)bytes, length};
    record_parts(kind, fd, number, &part, 1, length);
}

__attribute__((constructor)) static void begin(void) {
    REAL(open);
    const char *path = getenv("SIMP_TRACE");
    folder = getenv("SIMP_TRACE_FOLDER");
    if (!path || !folder || (trace = real(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        die("SIMP_TRACE and SIMP_TRACE_FOLDER must be set");
    record(BEGINS, -1, 0, "", 0);
}

/* Whether a path is the folder, or below it. */
static int is_inside(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return length && !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

static int is_watched(int fd) {
    return fd >= 0 && fd < DESCRIPTORS && watched[fd];
}

/* Records what has gone out through a socket. */
static void record_output(int fd, const struct iovec *parts, size_t count, ssize_t length) {
    int type;
    socklen_t size = sizeof type;
    if (length > 0 && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size))
        record_parts(type == SOCK_DGRAM ? DATAGRAM : STREAM, fd, 0, parts, count, (size_t)length);
}

/* Files. */

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int was_there = !access(path, F_OK);
    int fd = real(path, flags, mode);
    if (fd >= DESCRIPTORS)
        die("a descriptor is too high");
    if (fd >= 0 && is_inside(path)) {
        watched[fd] = 1;
        record(OPENS, fd, (was_there ? 0 : CREATED) | (flags & O_TRUNC ? TRUNCATED : 0), path, strlen(path));
    }
    return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int openat(int at, const char *path, int flags, ...) {
    REAL(openat);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return *path == '/' ? open(path, flags, mode) : real(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    REAL(pwrite);
    ssize_t written = real(fd, bytes, length, offset);
    if (written > 0 && is_watched(fd))
        record(WRITES, fd, (uint64_t)offset, bytes, (size_t)written);
    return written;
}

ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));

/* Records the length that a file has now. */
static int resized(int fd, int result) {
    struct stat now;
    if (!result && is_watched(fd) && !fstat(fd, &now))
        record(RESIZES, fd, (uint64_t)now.st_size, "", 0);
    return result;
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    return resized(fd, real(fd, length));
}

int ftruncate64(int, off64_t) __attribute__((alias("ftruncate")));

int posix_fallocate(int fd, off_t offset, off_t length) {
    REAL(posix_fallocate);
    return resized(fd, real(fd, offset, length));
}

int posix_fallocate64(int, off64_t, off64_t) __attribute__((alias("posix_fallocate")));

int fallocate(int fd, int mode, off_t offset, off_t length) {
    REAL(fallocate);
    return resized(fd, real(fd, mode, offset, length));
}

int fallocate64(int, int, off64_t, off64_t) __attribute__((alias("fallocate")));

static int synced(int fd, int result) {
    if (!result && is_watched(fd))
        record(SYNCS, fd, 0, "", 0);
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    return synced(fd, real(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return synced(fd, real(fd));
}

int close(int fd) {
    REAL(close);
    /* Sockets too: the next connection may get the same number. */
    if (fd >= 0 && fd < DESCRIPTORS) {
        watched[fd] = 0;
        record(CLOSES, fd, 0, "", 0);
    }
    return real(fd);
}

/* Names. */

int unlink(const char *path) {
    REAL(unlink);
    int result = real(path);
    if (!result && is_inside(path))
        record(REMOVES, -1, 0, path, strlen(path));
    return result;
}

int rename(const char *old, const char *new) {
    REAL(rename);
    int result = real(old, new);
    if (!result && (is_inside(old) || is_inside(new))) {
        struct iovec parts[] = {{(void *)old, strlen(old) + 1}, {(void *)new, strlen(new)}};
        record_parts(RENAMES, -1, 0, parts, 2, parts[0].iov_len + parts[1].iov_len);
    }
    return result;
}

static void record_link(const char *old, const char *new) {
    if (is_inside(old) || is_inside(new)) {
        struct iovec parts[] = {{(void *)old, strlen(old) + 1}, {(void *)new, strlen(new)}};
        record_parts(LINKS, -1, 0, parts, 2, parts[0].iov_len + parts[1].iov_len);
    }
}

int link(const char *old, const char *new) {
    REAL(link);
    int result = real(old, new);
    if (!result)
        record_link(old, new);
    return result;
}

int linkat(int old_folder, const char *old, int new_folder, const char *new, int flags) {
    REAL(linkat);
    int result = real(old_folder, old, new_folder, new, flags);
    if (!result)
        record_link(old, new);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    int result = real(path, mode);
    if (!result && is_inside(path))
        record(MAKES, -1, 0, path, strlen(path));
    return result;
}

/* What leaves the process, and writes to files at their own position. */

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    ssize_t written = real(fd, bytes, length);
    struct iovec part = {(void *)bytes, length};
    if (written > 0 && is_watched(fd))
        record(WRITES, fd, (uint64_t)(lseek(fd, 0, SEEK_CUR) - written), bytes, (size_t)written);
    else
        record_output(fd, &part, 1, written);
    return written;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    ssize_t written = real(fd, parts, count);
    if (is_watched(fd))
        die("writev to a file is not expected");
    record_output(fd, parts, (size_t)count, written);
    return written;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    REAL(send);
    ssize_t sent = real(fd, bytes, length, flags);
    struct iovec part = {(void *)bytes, length};
    record_output(fd, &part, 1, sent);
    return sent;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size) {
    REAL(sendto);
    ssize_t sent = real(fd, bytes, length, flags, to, size);
    struct iovec part = {(void *)bytes, length};
    record_output(fd, &part, 1, sent);
    return sent;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    REAL(sendmsg);
    ssize_t sent = real(fd, message, flags);
    record_output(fd, message->msg_iov, message->msg_iovlen, sent);
    return sent;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags) {
    REAL(sendmmsg);
    int sent = real(fd, messages, count, flags);
    for (int i = 0; i < sent; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        record_output(fd, message->msg_iov, message->msg_iovlen, messages[i].msg_len);
    }
    return sent;
}
