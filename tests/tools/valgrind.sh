#!/bin/sh
# The suite under valgrind, JOBS (2) binaries at a time; prints what it reports.  Left out: tests that count page faults or drive the program through a
# terminal with time limits (their program is the same code).
#   tests/tools/valgrind.sh BINARY ...
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
export SEQLAB_HOME="$out/home" LC_ALL=C.UTF-8 OPENBLAS_NUM_THREADS=1 VALGRIND=1
# Valgrind computes a fused multiply-add in software, hundreds of times slower: code without them, but for the test of the kernels themselves.
export SEQLAB_KERNELS=baseline OPENBLAS_CORETYPE=Nehalem GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2_Usable,-AVX2,-AVX_Usable
: "${SEQLAB_DATA:=/nonexistent}"
export SEQLAB_DATA out
for t in "$@"; do
    case $t in */tui/* | */double/* | */test_import | */test_data_oom | */test_planted* | */test_odds | */test_safetensors) continue ;; esac
    echo "$t"
done | xargs -P "${JOBS:-2}" -I{} sh -c '
    n=$(basename {})
    timeout 1200 valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --suppressions=tests/tools/valgrind.supp {} >"$out/$n.out" 2>"$out/$n.err"
    rc=$?
    reports=$(grep -cE "^==[0-9]+== (Invalid|Conditional|Use of|Mismatched|Syscall|[0-9,]+ bytes in)" "$out/$n.err")
    if [ $rc = 124 ]; then echo "$n: 1 reports: did not end in 20 minutes"; else echo "$n: $reports reports"; fi
    [ "$reports" -gt 0 ] && grep -E "^==" "$out/$n.err" | head -25
    exit 0' | tee "$out/all"
bad=$(grep -E ": [1-9][0-9]* reports" "$out/all" | wc -l)
echo "$(grep -c ": 0 reports" "$out/all") passed, $bad failed"
[ "$bad" = 0 ]
