/* Stands between a program and the C library's file calls, below the folders it is told of:
 * writes down every change (so that a power cut can be replayed at any moment), and makes
 * chosen calls fail as bad, full and read-only disks do.
 *
 *   cc -shared -fPIC -O1 -o powercut.so powercut.c -ldl
 *
 * It is told what to do by rmdir("/.powercut/COMMAND"), which never reaches the disk:
 *   root/PATH             watch the files below PATH (several may be named)
 *   journal/PATH          append a record of each change to PATH
 *   mark/TEXT             put TEXT into the journal
 *   arm/CALL:NTH:ERRNO:HOW
 *                         the NTH call (from 1) of kind CALL fails with ERRNO. HOW: once, always,
 *                         short (half is written, nothing is wrong), torn (half is written, then
 *                         SIGKILL)
 *   count/CALL, told      count such calls, none fails; put the number into the journal
 * CALL: write, sync, read, open (to read), rewrite (open what is there to write), name (create,
 * link, rename, mkdir), gone (unlink, rmdir), grow (write, name), change (all but read and open).
 *
 * A record: u32 length of what follows, u8 kind, u32 process, u64 inode, u64 offset or length,
 * u16 length of path, path, u16 length of second path, second path, data. Little-endian.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MARK 1
#define CREATE 2
#define WRITE 3
#define CUT 4
#define SYNC_BEGIN 5
#define SYNC_END 6
#define SYNC_FAILED 7
#define ALL_BEGIN 8
#define ALL_END 9
#define LINK 10
#define RENAME 11
#define UNLINK 12
#define MKDIR 13
#define RMDIR 14

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char roots[8][PATH_MAX];
static int root_count = 0;
static int journal = -1;
static char armed[16];
static long nth, passed_calls;
static int failure, counting;
static char how[16];

#define REAL(name) \
    static __typeof__(name) *real_##name; \
    if (!real_##name) real_##name = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static ssize_t raw_write(int fd, const void *data, size_t size) {
    REAL(write);
    return real_write(fd, data, size);
}

static int below(const char *path) {
    for (int i = 0; i < root_count; i++) {
        size_t n = strlen(roots[i]);
        if (!strncmp(path, roots[i], n) && (path[n] == 0 || path[n] == '/')) return 1;
    }
    return 0;
}

/* The absolute path of a name; 0 where it is not below a watched folder. */
static int absolute(int dir, const char *name, char *out) {
    if (!root_count || !name) return 0;
    if (name[0] == '/') {
        snprintf(out, PATH_MAX, "%s", name);
    } else {
        char base[PATH_MAX - 300];
        ssize_t n;
        if (dir == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return 0;
        } else {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
            n = readlink(link, base, sizeof base - 1);
            if (n < 0) return 0;
            base[n] = 0;
        }
        snprintf(out, PATH_MAX, "%s/%s", base, name);
    }
    return below(out);
}

static int path_of(int fd, char *out) {
    char link[64];
    ssize_t n;
    if (!root_count) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, out, PATH_MAX - 1);
    if (n < 0) return 0;
    out[n] = 0;
    return below(out);
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

static void record(int kind, uint64_t inode, uint64_t offset, const char *one, const char *two,
                   const void *data, size_t size) {
    if (journal < 0) return;
    uint16_t n1 = one ? strlen(one) : 0, n2 = two ? strlen(two) : 0;
    uint32_t pid = getpid();
    uint32_t length = 1 + 4 + 8 + 8 + 2 + n1 + 2 + n2 + size;
    unsigned char *buffer = malloc(4 + length), *p = buffer;
    memcpy(p, &length, 4), p += 4;
    *p++ = kind;
    memcpy(p, &pid, 4), p += 4;
    memcpy(p, &inode, 8), p += 8;
    memcpy(p, &offset, 8), p += 8;
    memcpy(p, &n1, 2), p += 2;
    if (n1) memcpy(p, one, n1), p += n1;
    memcpy(p, &n2, 2), p += 2;
    if (n2) memcpy(p, two, n2), p += n2;
    if (size) memcpy(p, data, size);
    if (raw_write(journal, buffer, 4 + length) != (ssize_t)(4 + length)) abort();
    free(buffer);
}

/* Is this call the one that fails? 0, or the errno; *half when half is to be written first. */
static int fails(const char *call, int changes, int *half) {
    *half = 0;
    if (!armed[0]) return 0;
    int grows = !strcmp(call, "write") || !strcmp(call, "name");
    if (strcmp(armed, call) && !(changes && !strcmp(armed, "change")) &&
        !(grows && !strcmp(armed, "grow")))
        return 0;
    passed_calls++;
    if (counting) return 0;
    if (!strcmp(how, "always") ? passed_calls < nth : passed_calls != nth) return 0;
    *half = !strcmp(how, "short") || !strcmp(how, "torn");
    return failure;
}

static int torn(void) {
    return !strcmp(how, "torn");
}

static void tell_count(void) {
    char text[64];
    snprintf(text, sizeof text, "count %ld", passed_calls);
    record(MARK, 0, 0, text, NULL, NULL, 0);
}

static int command(const char *text) {
    char word[PATH_MAX];
    snprintf(word, sizeof word, "%s", text);
    char *rest = strchr(word, '/');
    if (rest) *rest++ = 0;
    if (!strcmp(word, "root") && rest) {
        snprintf(roots[root_count], PATH_MAX, "/%s", rest);
        root_count++;
    } else if (!strcmp(word, "journal") && rest) {
        char path[PATH_MAX + 1];
        snprintf(path, sizeof path, "/%s", rest);
        REAL(open);
        journal = real_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    } else if (!strcmp(word, "mark") && rest) {
        record(MARK, 0, 0, rest, NULL, NULL, 0);
    } else if (!strcmp(word, "arm") && rest) {
        passed_calls = 0, counting = 0;
        sscanf(rest, "%15[a-z]:%ld:%d:%15[a-z]", armed, &nth, &failure, how);
    } else if (!strcmp(word, "count") && rest) {
        snprintf(armed, sizeof armed, "%s", rest);
        passed_calls = 0, counting = 1;
    } else if (!strcmp(word, "told")) {
        tell_count();
    }
    errno = ENOENT;
    return -1;
}

/* ---- opening ---- */

typedef int open_t(const char *, int, ...);

static int opening(int dir, const char *name, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat64");
    char path[PATH_MAX];
    if (!absolute(dir, name, path)) return real(dir, name, flags, mode);
    pthread_mutex_lock(&lock);
    int half, error = 0, fresh = 0;
    int writing = (flags & O_ACCMODE) != O_RDONLY;
    uint64_t before = inode_at(path);
    if ((flags & O_CREAT) && !before) fresh = 1;
    error = fails(fresh ? "name" : writing ? "rewrite" : "open", fresh || writing, &half);
    int fd = -1;
    if (error && !half) {
        errno = error;
    } else {
        fd = real(dir, name, flags, mode);
        int kept = errno;
        if (fd >= 0 && fresh) record(CREATE, inode_of(fd), 0, path, NULL, NULL, 0);
        if (fd >= 0 && !fresh && (flags & O_TRUNC))
            record(CUT, inode_of(fd), 0, path, NULL, NULL, 0);
        errno = kept;
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        return opening(AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name) \
    int name(int dir, const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = mode_of(flags, rest); \
        va_end(rest); \
        return opening(dir, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

/* ---- reading ---- */

static int reading(int fd) {
    char path[PATH_MAX];
    int half, error;
    if (!armed[0] || !path_of(fd, path)) return 0;
    pthread_mutex_lock(&lock);
    error = fails("read", 0, &half);
    pthread_mutex_unlock(&lock);
    return error;
}

#define READ(name, parameters, arguments) \
    ssize_t name parameters { \
        static ssize_t(*real) parameters; \
        if (!real) real = (ssize_t(*) parameters)dlsym(RTLD_NEXT, #name); \
        int error = reading(fd); \
        if (error) { \
            errno = error; \
            return -1; \
        } \
        return real arguments; \
    }
READ(read, (int fd, void *to, size_t size), (fd, to, size))
READ(pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
READ(pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))

/* ---- writing ---- */

static ssize_t writing(int fd, const void *data, size_t size, off64_t at, int placed) {
    static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
    if (!real_pwrite)
        real_pwrite = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    char path[PATH_MAX];
    if (!path_of(fd, path))
        return placed ? real_pwrite(fd, data, size, at) : raw_write(fd, data, size);
    pthread_mutex_lock(&lock);
    int half, error = fails("write", 1, &half);
    ssize_t done = -1;
    if (error && !half) {
        errno = error;
    } else {
        size_t wanted = half ? size / 2 : size;
        if (!placed) {
            at = (fcntl(fd, F_GETFL) & O_APPEND) ? lseek64(fd, 0, SEEK_END)
                                                  : lseek64(fd, 0, SEEK_CUR);
            done = raw_write(fd, data, wanted);
        } else {
            done = real_pwrite(fd, data, wanted, at);
        }
        int kept = errno;
        if (done > 0) record(WRITE, inode_of(fd), at, path, NULL, data, done);
        if (half && torn()) kill(getpid(), SIGKILL);
        errno = kept;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) {
    return writing(fd, data, size, 0, 0);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return writing(fd, data, size, at, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return writing(fd, data, size, at, 1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    char path[PATH_MAX];
    if (!path_of(fd, path)) return real_writev(fd, parts, count);
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = writing(fd, parts[i].iov_base, parts[i].iov_len, 0, 0);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

static int cutting(int fd, off64_t size) {
    static int (*real)(int, off64_t);
    if (!real) real = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    char path[PATH_MAX];
    if (!path_of(fd, path)) return real(fd, size);
    pthread_mutex_lock(&lock);
    int half, error = fails("write", 1, &half), done = -1;
    if (error && !half) {
        errno = error;
    } else {
        done = real(fd, size);
        if (!done) record(CUT, inode_of(fd), size, path, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int ftruncate(int fd, off_t size) {
    return cutting(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    return cutting(fd, size);
}
int fallocate(int fd, int mode, off_t at, off_t size) {
    (void)fd, (void)mode, (void)at, (void)size;
    errno = EOPNOTSUPP;
    return -1;
}
int posix_fallocate(int fd, off_t at, off_t size) {
    (void)fd, (void)at, (void)size;
    return EOPNOTSUPP;
}

/* ---- making durable ---- */

static int syncing(int fd, int (*real)(int), int all) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return real(fd);
    pthread_mutex_lock(&lock);
    int half, error = fails("sync", 1, &half), done = -1;
    uint64_t inode = inode_of(fd);
    record(all ? ALL_BEGIN : SYNC_BEGIN, inode, 0, path, NULL, NULL, 0);
    if (error) {
        record(SYNC_FAILED, all ? 0 : inode, 0, path, NULL, NULL, 0);
        errno = error;
    } else {
        done = 0; /* the disk itself is not waited for: the journal says what counts as durable */
        record(all ? ALL_END : SYNC_END, inode, 0, path, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}
int fsync(int fd) {
    REAL(fsync);
    return syncing(fd, real_fsync, 0);
}
int fdatasync(int fd) {
    REAL(fdatasync);
    return syncing(fd, real_fdatasync, 0);
}
int syncfs(int fd) {
    REAL(syncfs);
    return syncing(fd, real_syncfs, 1);
}

/* ---- names ---- */

static int naming(int kind, int call(const char *, const char *), int d1, const char *n1, int d2,
                  const char *n2) {
    char one[PATH_MAX], two[PATH_MAX] = "";
    int in = absolute(d1, n1, one);
    if (n2) in |= absolute(d2, n2, two);
    if (!in) return call(n1, n2);
    pthread_mutex_lock(&lock);
    int goes = kind == UNLINK || kind == RMDIR;
    int half, error = fails(goes ? "gone" : "name", 1, &half), done = -1;
    if (error && !half) {
        errno = error;
    } else {
        uint64_t inode = inode_at(one);
        done = call(one, two);
        int kept = errno;
        if (kind == MKDIR) inode = inode_at(one);
        if (!done) record(kind, inode, 0, one, n2 ? two : NULL, NULL, 0);
        errno = kept;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

static int call_rename(const char *one, const char *two) {
    REAL(rename);
    return real_rename(one, two);
}
static int call_link(const char *one, const char *two) {
    REAL(link);
    return real_link(one, two);
}
static int call_unlink(const char *one, const char *two) {
    (void)two;
    REAL(unlink);
    return real_unlink(one);
}
static int call_rmdir(const char *one, const char *two) {
    (void)two;
    REAL(rmdir);
    return real_rmdir(one);
}
static __thread mode_t made_mode;
static int call_mkdir(const char *one, const char *two) {
    (void)two;
    REAL(mkdir);
    return real_mkdir(one, made_mode);
}

int rename(const char *one, const char *two) {
    return naming(RENAME, call_rename, AT_FDCWD, one, AT_FDCWD, two);
}
int link(const char *one, const char *two) {
    return naming(LINK, call_link, AT_FDCWD, one, AT_FDCWD, two);
}
int unlink(const char *one) {
    return naming(UNLINK, call_unlink, AT_FDCWD, one, 0, NULL);
}
int mkdir(const char *one, mode_t mode) {
    made_mode = mode;
    return naming(MKDIR, call_mkdir, AT_FDCWD, one, 0, NULL);
}
int rmdir(const char *one) {
    if (!strncmp(one, "/.powercut/", 11)) return command(one + 11);
    return naming(RMDIR, call_rmdir, AT_FDCWD, one, 0, NULL);
}
/* Python calls these with AT_FDCWD or a folder's descriptor only where it is asked to. */
int unlinkat(int dir, const char *name, int flags) {
    REAL(unlinkat);
    char path[PATH_MAX];
    if (!absolute(dir, name, path)) return real_unlinkat(dir, name, flags);
    return (flags & AT_REMOVEDIR) ? rmdir(path) : unlink(path);
}
int linkat(int d1, const char *n1, int d2, const char *n2, int flags) {
    REAL(linkat);
    char one[PATH_MAX], two[PATH_MAX];
    if (!absolute(d1, n1, one) | !absolute(d2, n2, two)) return real_linkat(d1, n1, d2, n2, flags);
    return link(one, two);
}
int renameat(int d1, const char *n1, int d2, const char *n2) {
    REAL(renameat);
    char one[PATH_MAX], two[PATH_MAX];
    if (!absolute(d1, n1, one) | !absolute(d2, n2, two)) return real_renameat(d1, n1, d2, n2);
    return rename(one, two);
}
int mkdirat(int dir, const char *name, mode_t mode) {
    REAL(mkdirat);
    char path[PATH_MAX];
    if (!absolute(dir, name, path)) return real_mkdirat(dir, name, mode);
    return mkdir(path, mode);
}
