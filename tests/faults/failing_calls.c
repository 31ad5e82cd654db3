/* Makes the n-th system call of a kind fail, or kill the process, below one folder.

   Preloaded into a process with LD_PRELOAD and asleep until that process calls faults_arm. */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANY, OPEN, READ, WRITE, FSYNC, RENAME, UNLINK, MKDIR, CHMOD, TRUNCATE, LIST, LOCK, N_CALLS };

static char below[4096];
static size_t n_below;
static int failing = -1, error_number, for_ever;
static long failing_at, seen[N_CALLS], left = -1;

/* The `at`-th call of a kind gives `error`, or kills with `error` 0; with `on` all later ones too.
   `room` is the number of bytes that can still be written, -1 for no bound. */
void faults_arm(const char *folder, int call, long at, int error, int on, long room) {
  snprintf(below, sizeof below, "%s", folder);
  n_below = strlen(below);
  memset(seen, 0, sizeof seen);
  failing = call, failing_at = at, error_number = error, for_ever = on, left = room;
}

long faults_seen(int call) { return seen[call]; }

static int inside(const char *path) {
  return !strncmp(path, below, n_below) && (!path[n_below] || path[n_below] == '/');
}

static int path_inside(int folder, const char *path) {
  char whole[8192];
  if (!n_below || !path) return 0;
  if (path[0] == '/') return inside(path);
  if (folder == AT_FDCWD) {
    if (!getcwd(whole, 4096)) return 0;
  } else {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, whole, 4095);
    if (n < 0) return 0;
    whole[n] = 0;
  }
  strcat(whole, "/");
  strncat(whole, path, 4000);
  return inside(whole);
}

static int handle_inside(int handle) {
  char link[64], path[4096];
  if (!n_below) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return inside(path);
}

static int hit(int call) {
  long n = __atomic_add_fetch(&seen[call], 1, __ATOMIC_SEQ_CST);
  return failing == call && (n == failing_at || (for_ever && n > failing_at));
}

/* Count a call; return whether it fails. */
static int fails(int call) {
  int any = hit(ANY), this = hit(call);
  if (!any && !this) return 0;
  if (!error_number) kill(getpid(), SIGKILL);
  errno = error_number;
  return 1;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define MODE(flags, mode) \
  mode_t mode = 0; \
  if (flags & (O_CREAT | O_TMPFILE)) { \
    va_list more; \
    va_start(more, flags); \
    mode = va_arg(more, mode_t); \
    va_end(more); \
  }

#define OPENER(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); \
    MODE(flags, mode) \
    if (path_inside(AT_FDCWD, path) && fails(OPEN)) return -1; \
    return real(path, flags, mode); \
  }
#define OPENER_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    REAL(name); \
    MODE(flags, mode) \
    if (path_inside(folder, path) && fails(OPEN)) return -1; \
    return real(folder, path, flags, mode); \
  }
#define ON_PATH(call, result, bad, name, declared, given) \
  result name declared { \
    REAL(name); \
    if (path_inside(AT_FDCWD, path) && fails(call)) return bad; \
    return real given; \
  }
#define ON_PATH_AT(call, name, declared, given) \
  int name declared { \
    REAL(name); \
    if (path_inside(folder, path) && fails(call)) return -1; \
    return real given; \
  }
#define ON_HANDLE(call, result, bad, name, declared, given) \
  result name declared { \
    REAL(name); \
    if (handle_inside(handle) && fails(call)) return bad; \
    return real given; \
  }

OPENER(open)
OPENER(open64)
OPENER_AT(openat)
OPENER_AT(openat64)
ON_HANDLE(READ, ssize_t, -1, read, (int handle, void *to, size_t n), (handle, to, n))
ON_HANDLE(FSYNC, int, -1, fsync, (int handle), (handle))
ON_HANDLE(FSYNC, int, -1, fdatasync, (int handle), (handle))
ON_HANDLE(TRUNCATE, int, -1, ftruncate, (int handle, off_t n), (handle, n))
ON_HANDLE(TRUNCATE, int, -1, ftruncate64, (int handle, off64_t n), (handle, n))
ON_HANDLE(LOCK, int, -1, flock, (int handle, int how), (handle, how))
ON_HANDLE(CHMOD, int, -1, fchmod, (int handle, mode_t mode), (handle, mode))
ON_HANDLE(LIST, DIR *, NULL, fdopendir, (int handle), (handle))
ON_PATH(LIST, DIR *, NULL, opendir, (const char *path), (path))
ON_PATH(RENAME, int, -1, rename, (const char *path, const char *to), (path, to))
ON_PATH(UNLINK, int, -1, unlink, (const char *path), (path))
ON_PATH(UNLINK, int, -1, rmdir, (const char *path), (path))
ON_PATH(MKDIR, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(CHMOD, int, -1, chmod, (const char *path, mode_t mode), (path, mode))
ON_PATH_AT(RENAME, renameat, (int folder, const char *path, int other, const char *to),
           (folder, path, other, to))
ON_PATH_AT(UNLINK, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
ON_PATH_AT(MKDIR, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))
ON_PATH_AT(CHMOD, fchmodat, (int folder, const char *path, mode_t mode, int flags),
           (folder, path, mode, flags))

ssize_t write(int handle, const void *from, size_t n) {
  REAL(write);
  if (!handle_inside(handle)) return real(handle, from, n);
  if (fails(WRITE)) return -1;
  if (left < 0) return real(handle, from, n);
  if (!left) {
    errno = ENOSPC;
    return -1;
  }
  ssize_t written = real(handle, from, n < (size_t)left ? n : (size_t)left);
  if (written > 0) left -= written;
  return written;
}
