/* Places of files; see config.h. */
#include "app/io/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void make_folders(char *path) /* of a file: everything before its name */
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            *p = '/';
            return;
        }
        *p = '/';
    }
}

static bool
absolute(const char *s) /* relative XDG values are to be ignored (basedir specification) */
{
    return s && s[0] == '/';
}

bool config_path(enum place_kind kind, const char *name, bool make, char *buf, size_t size)
{
    static const struct {
        const char *variable, *fallback, *own;
    } rows[] = {
        [PLACE_CONFIG] = {"XDG_CONFIG_HOME", ".config", "config"},
        [PLACE_DATA] = {"XDG_DATA_HOME", ".local/share", "data"},
        [PLACE_STATE] = {"XDG_STATE_HOME", ".local/state", "state"},
        [PLACE_CACHE] = {"XDG_CACHE_HOME", ".cache", "cache"},
    };
    const char *all = getenv("SEQLAB_HOME"), *xdg = getenv(rows[kind].variable),
               *home = getenv("HOME");
    int n;
    if (all && *all)
        n = snprintf(buf, size, "%s/%s/%s", all, rows[kind].own, name);
    else if (absolute(xdg))
        n = snprintf(buf, size, "%s/seqlab/%s", xdg, name);
    else if (absolute(home))
        n = snprintf(buf, size, "%s/%s/seqlab/%s", home, rows[kind].fallback, name);
    else
        return false;
    if (n < 0 || (size_t)n >= size)
        return false;
    if (make)
        make_folders(buf);
    return true;
}
