#!/bin/sh
# Every fuzz target for FUZZ_SECONDS (60) each, with the address and undefined-behaviour sanitizers.  Needs clang.
# Findings are kept in build/fuzz/crashes/TARGET/; what was learned in build/fuzz/corpus/TARGET/.
: "${FUZZ_SECONDS:=60}"
command -v clang >/dev/null || { echo "skip: fuzzing needs clang"; exit 0; }
${MAKE:-make} -s MODE=fuzz CC=clang build/fuzz/libapp.a build/fuzz/libmodels.a build/fuzz/libengine.a || exit 1
libs="-lncursesw -ltinfo -lreadline -lopenblas -ljansson -lcsv -lz -lxxhash -lutf8proc -lm"
pkg-config --exists cairo 2>/dev/null && libs="$libs -lcairo"
bad=0
for src in tests/fuzz/fuzz_*.c; do
    name=$(basename "$src" .c)
    bin=build/fuzz/$name
    mkdir -p "build/fuzz/corpus/$name" "build/fuzz/crashes/$name"
    clang -I. -D_POSIX_C_SOURCE=200809L -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -pthread "$src" \
        build/fuzz/libapp.a build/fuzz/libmodels.a build/fuzz/libengine.a $libs -o "$bin" || exit 1
    seeds=
    [ -d "tests/fuzz/corpus/$name" ] && seeds="tests/fuzz/corpus/$name"
    echo "== $name, $FUZZ_SECONDS s"
    OPENBLAS_NUM_THREADS=1 "$bin" -max_total_time="$FUZZ_SECONDS" -timeout=5 -rss_limit_mb=1024 -close_fd_mask=1 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/crashes/$name/" "build/fuzz/corpus/$name" $seeds 2>"build/fuzz/$name.log"
    rc=$?
    grep -E 'number_of_executed_units|SUMMARY|ERROR' "build/fuzz/$name.log"
    [ $rc -eq 0 ] || { bad=$((bad + 1)); tail -30 "build/fuzz/$name.log"; }
done
echo "fuzz: $bad targets with findings"
[ "$bad" -eq 0 ]
