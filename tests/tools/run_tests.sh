#!/bin/sh
# Runs test binaries (cmocka) one after another and closes with one line: N passed, N failed, N skipped.
# A binary that dies or hangs counts as one failure.  Environment pinned, home in a sandbox.
export LC_ALL=C.UTF-8 TZ=UTC TERM=xterm-256color OPENBLAS_NUM_THREADS=1
: "${SEQLAB_DATA:=../shared/data}"
export SEQLAB_DATA
box=$(mktemp -d) || exit 1
trap 'rm -rf "$box"' EXIT
export SEQLAB_HOME="$box/home" HOME="$box" TMPDIR="$box"
case ${MODE:-release} in release | double) limit=180 ;; *) limit=900 ;; esac # instrumented code is slow
export LSAN_OPTIONS="suppressions=$(pwd)/tests/tools/lsan.supp:print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}"
passed=0 failed=0 skipped=0
for t in "$@"; do
    rm -rf "$SEQLAB_HOME"
    mkdir -p "$SEQLAB_HOME" # nobody finds what another left
    began=$(date +%s%N)
    timeout -k 5 "${TEST_TIMEOUT:-$limit}" "$t" >"$box/out" 2>"$box/err"
    rc=$?
    ms=$((($(date +%s%N) - began) / 1000000))
    cat "$box/out" "$box/err" >"$box/all"
    p=$(grep -c '^\[       OK \]' "$box/all")
    f=$(grep -c '^\[  FAILED  \] [^0-9]' "$box/all")
    s=$(grep -c '^\[  SKIPPED \] [^0-9]' "$box/all")
    # cmocka repeats failed and skipped names in its summary
    f=$(grep '^\[  FAILED  \] [^0-9]' "$box/all" | sort -u | grep -c .)
    s=$(grep '^\[  SKIPPED \] [^0-9]' "$box/all" | sort -u | grep -c .)
    [ "$rc" -ne 0 ] && [ "$f" -eq 0 ] && f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-44s %4d ok' "${t#build/}" "$p"
    [ "$s" -gt 0 ] && printf ', %d skipped' "$s"
    printf '  %d.%03d s\n' $((ms / 1000)) $((ms % 1000))
    grep '^skip: ' "$box/all"
    if [ "$f" -gt 0 ]; then
        [ "$rc" -eq 124 ] && echo "  timed out"
        grep -v '^\[ RUN\|^\[       OK\|^\[=====' "$box/all" | head -${TEST_LINES:-60} | sed 's/^/  /'
        echo "  exit status $rc"
    fi
done
echo
if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
