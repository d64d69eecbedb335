#!/bin/sh
# app -> models -> engine, and inside the engine base <- tensor, base <- data, all <- train.
# Quoted includes are root-relative.  System headers are limited by layer.
bad=0
complain() { echo "$1"; bad=1; }
check() { # check FOLDER REGEX-OF-ALLOWED-PREFIXES
    for hit in $(grep -rnoE '^#include "[^"]+"' "$1" --include='*.c' --include='*.h' | sed 's/#include //; s/ //g'); do
        file=${hit%%:*} inc=$(echo "$hit" | sed 's/.*"\(.*\)".*/\1/')
        echo "$inc" | grep -qE "$2" || complain "$file: includes $inc, which its layer may not see"
    done
}
check engine/base '^engine/base/'
check engine/tensor '^engine/(base|tensor)/'
check engine/data '^engine/(base|data)/'
check engine/train '^engine/'
check models '^(engine|models)/'
check app '^(engine|models|app)/'
only() { # only HEADER FILES...: one file touches each library
    h=$1; shift
    for f in $(grep -rlE "^#include <$h>" engine models app); do
        ok=0
        for a in "$@"; do [ "$f" = "$a" ] && ok=1; done
        [ $ok = 1 ] || complain "$f: includes <$h>, which belongs to $*"
    done
}
only '(ncurses|curses|term)\.h' app/ui/term_impl.h
only 'readline/.*' app/ui/prompt.c
only cblas.h engine/tensor/gemm.c
only csv.h engine/data/import_csv.c
only zlib.h engine/base/reader.c
only cairo.h app/ui/png.c
for f in $(grep -rlE '^#include <(stdio|curses|termios|unistd)\.h>' models); do
    [ -n "$(grep -E '\b(printf|fopen|puts|fputs)\b' "$f")" ] && complain "$f: models do no input or output"
done
names=$(git ls-files '*.c' '*.h' | sed 's#.*/##' | sort | uniq -d)
[ -z "$names" ] || complain "file names used twice: $names"
exit $bad
