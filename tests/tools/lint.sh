#!/bin/sh
# Rules that are enforced, not hoped for: layers, symbols, banned calls, tables, language of the tree.
B=${B:-build/release}
bad=0
sh tests/tools/layers.sh || bad=1

banned='\b(strcpy|strcat|sprintf|strtok|atoi|gets|rand|system)[[:space:]]*\('
if grep -nE "$banned" $(git ls-files 'engine/*.[ch]' 'models/*.[ch]' 'app/*.[ch]') | grep -vE '^[^:]*:[0-9]+:[[:space:]]*(\*|/\*|//)'; then
    echo "banned calls above"; bad=1
fi
if grep -nE '^[[:space:]]*extern ' $(git ls-files 'engine/*.c' 'models/*.c' 'app/*.c') | grep -v 'models/models.c'; then
    echo "extern in a .c file: declare it in a header"; bad=1
fi
if grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $(git ls-files '*.c' '*.h' '*.sh' Makefile) | grep -v tests/tools/lint.sh; then
    echo "unfinished marks above"; bad=1
fi

# Nothing below app/ exits or prints.  (_FORTIFY_SOURCE is off in this build, so names are plain.)
for lib in libengine libmodels; do
    for s in $(nm -u "$B/$lib.a" 2>/dev/null | awk '/ U /{print $2}' | sort -u |
        grep -xE 'exit|abort|printf|puts|rand|strtok|sprintf|strcpy|atoi|system'); do
        echo "$lib.a calls $s"; bad=1
    done
done

# An upward symbol cannot link: the engine alone, then engine and models, with everything pulled in.
for libs in "$B/libengine.a" "$B/libmodels.a $B/libengine.a"; do
    t=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$t/m.c"
    ${CC:-cc} "$t/m.c" -Wl,--whole-archive $libs -Wl,--no-whole-archive -lopenblas -ljansson -lcsv -lz -lxxhash -lutf8proc -lm -pthread \
        -o "$t/m" 2>"$t/err" || { echo "does not link alone: $libs"; head -5 "$t/err"; bad=1; }
    rm -rf "$t"
done

# One layout.  Other versions lay some lines out otherwise; without the tool nothing is said.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    clang-format --dry-run -Werror $(git ls-files '*.c' '*.h') 2>&1 | grep -m5 'error:' && { echo "make format"; bad=1; }
fi

# A file of more than 800 lines asks what the second module inside is called.
for f in $(git ls-files '*.c' '*.h'); do
    n=$(wc -l <"$f")
    [ "$n" -gt 800 ] && { echo "$f has $n lines"; bad=1; }
done
[ $bad = 0 ] && echo "lint: ok"
exit $bad
