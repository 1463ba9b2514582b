/*
 * Lets a disk fail on demand, as a process sees it. Loaded with LD_PRELOAD; the process has one thread.
 *
 * SIMP_REFUSE is a file that holds a `struct order`, which the test changes while the process runs.
 * SIMP_REFUSE_FOLDER is an absolute path: only files below it fail.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "the names with and without 64 must mean the same");

/* What may fail. */
enum call {
    WRITES = 1,  /* any write to a file */
    GROWS = 2,   /* one that makes a file longer */
    SYNCS = 4,
    RESIZES = 8,
    OPENS = 16,  /* opening a file for writing */
    REMOVES = 32,
    READS = 64,
};

/* refuse.rs knows it too. */
struct order {
    uint32_t calls; /* which calls fail; 0: none */
    uint32_t after; /* so many of them are let through first */
    uint32_t times; /* so many fail then, and no more */
    int32_t error;  /* errno; 0: a write is cut short, and goes on with the next call */
    uint32_t failed; /* counted here: calls that failed */
    uint32_t opened; /* of these, those that open a file */
};

enum { DESCRIPTORS = 4096 };

static volatile struct order *order;
static const char *folder;
static char watched[DESCRIPTORS];

/* The function of this name that is really meant. */
#define REAL(name)                          \
    static __typeof__(&name) real;          \
    if (!real)                              \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void die(const char *why) {
    fprintf(stderr, "refuse: %s\n", why);
    abort();
}

__attribute__((constructor)) static void begin(void) {
    REAL(open);
    const char *path = getenv("SIMP_REFUSE");
    int fd = path ? real(path, O_RDWR | O_CLOEXEC) : -1;
    folder = getenv("SIMP_REFUSE_FOLDER");
    if (fd < 0 || !folder)
        die("SIMP_REFUSE and SIMP_REFUSE_FOLDER must be set");
    order = mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (order == MAP_FAILED)
        die("the order cannot be mapped");
    close(fd);
}

static int is_inside(const char *path) {
    size_t length = folder ? strlen(folder) : 0;
    return length && !strncmp(path, folder, length) && path[length] == '/';
}

static int is_watched(int fd) {
    return fd >= 0 && fd < DESCRIPTORS && watched[fd];
}

/* Whether this call fails. */
static int fails(unsigned call) {
    if (!order || !(order->calls & call))
        return 0;
    if (order->after) {
        order->after--;
        return 0;
    }
    if (!order->times)
        return 0;
    if (order->times != UINT32_MAX)
        order->times--;
    order->failed++;
    order->opened += call == OPENS;
    errno = order->error;
    return 1;
}

int open(const char *path, int flags, ...) {
    REAL(open);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int inside = is_inside(path);
    if (inside && (flags & O_ACCMODE) != O_RDONLY && fails(OPENS))
        return -1;
    int fd = real(path, flags, mode);
    if (fd >= DESCRIPTORS)
        die("a descriptor is too high");
    if (fd >= 0)
        watched[fd] = (char)inside;
    return fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < DESCRIPTORS)
        watched[fd] = 0;
    return real(fd);
}

/* How much of a write to `at` is done, or -1. */
static ssize_t allowed(int fd, off_t at, size_t length) {
    struct stat now;
    if (!is_watched(fd) || !length)
        return (ssize_t)length;
    int grows = !fstat(fd, &now) && at + (off_t)length > now.st_size;
    if (!fails(grows ? WRITES | GROWS : WRITES))
        return (ssize_t)length;
    return errno || length < 2 ? -1 : (ssize_t)(length / 2);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    ssize_t some = allowed(fd, is_watched(fd) ? lseek(fd, 0, SEEK_CUR) : 0, length);
    return some < 0 ? -1 : real(fd, bytes, (size_t)some);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    REAL(pwrite);
    ssize_t some = allowed(fd, offset, length);
    return some < 0 ? -1 : real(fd, bytes, (size_t)some, offset);
}

ssize_t pwrite64(int, const void *, size_t, off64_t) __attribute__((alias("pwrite")));

ssize_t read(int fd, void *bytes, size_t length) {
    REAL(read);
    return is_watched(fd) && fails(READS) ? -1 : real(fd, bytes, length);
}

ssize_t pread(int fd, void *bytes, size_t length, off_t offset) {
    REAL(pread);
    return is_watched(fd) && fails(READS) ? -1 : real(fd, bytes, length, offset);
}

ssize_t pread64(int, void *, size_t, off64_t) __attribute__((alias("pread")));

int fsync(int fd) {
    REAL(fsync);
    return is_watched(fd) && fails(SYNCS) ? -1 : real(fd);
}

int fdatasync(int fd) {
    REAL(fdatasync);
    return is_watched(fd) && fails(SYNCS) ? -1 : real(fd);
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    return is_watched(fd) && fails(RESIZES) ? -1 : real(fd, length);
}

int ftruncate64(int, off64_t) __attribute__((alias("ftruncate")));

int unlink(const char *path) {
    REAL(unlink);
    return is_inside(path) && fails(REMOVES) ? -1 : real(path);
}
