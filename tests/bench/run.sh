#!/bin/sh
# Times.  SASRec's step beside PyTorch's, interleaved: each round runs both, so that a busy machine slows both; the ratio is of
# the medians over the rounds, against the better of PyTorch's one and two threads.  PyTorch is told to keep freed memory (first
# touches of pages are dear) and to leave OpenBLAS at one thread, which is its best here; `as it comes` would be slower.
#   ROUNDS=3 SECONDS_EACH=3 tests/bench/run.sh [shape ...]
: "${BENCH:=build/release/tests/bench}" "${ROUNDS:=3}" "${SECONDS_EACH:=3}" "${PYTHON:=python3}"
export OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
here=$(dirname "$0")
[ $# -gt 0 ] || set -- ml1m-bce teach-bce
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

has_torch() { "$1" -c 'import torch, numpy' 2>/dev/null; }
has_torch "$PYTHON" || { has_torch /usr/bin/python3 && PYTHON=/usr/bin/python3; } || PYTHON=
if [ -z "$PYTHON" ]; then
    echo "PyTorch is not installed (Debian: python3-torch): our times only, no ratio."
fi
peer() { # shape threads
    env MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000 OMP_NUM_THREADS="$2" \
        "$PYTHON" "$here/torch_sasrec.py" "$1" "$2" "$SECONDS_EACH" | sed 's/^/torch /'
}
for shape in "$@"; do
    r=0
    while [ $r -lt "$ROUNDS" ]; do
        for t in 1 2; do
            "$BENCH/bench_sasrec" "$shape" $t "$SECONDS_EACH" | sed 's/^/seqlab /'
            [ -z "$PYTHON" ] || peer "$shape" $t
        done
        r=$((r + 1))
    done
done | tee "$out"
echo
awk '
    { key = $1 " " $2 " " $3; n[key]++; v[key, n[key]] = $4; shape[$2] = 1 }
    function median(key,   i, j, t, a, m) {
        m = n[key]
        for (i = 1; i <= m; i++) a[i] = v[key, i]
        for (i = 1; i <= m; i++) for (j = i + 1; j <= m; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
        return m % 2 ? a[(m + 1) / 2] : (a[m / 2] + a[m / 2 + 1]) / 2
    }
    END {
        for (s in shape) {
            best = 0
            for (t = 1; t <= 2; t++) if (n["torch " s " " t]) {
                p = median("torch " s " " t)
                printf "%-10s PyTorch, %d thread%s %10.2f ms a step\n", s, t, (t > 1 ? "s" : " "), p
                if (!best || p < best) best = p
            }
            for (t = 1; t <= 2; t++) {
                o = median("seqlab " s " " t)
                printf "%-10s seqlab,  %d thread%s %10.2f ms a step", s, t, (t > 1 ? "s" : " "), o
                if (best) printf "   %.1f times as fast as the best PyTorch", best / o
                print ""
            }
        }
    }' "$out"

# The screen: start, keys while training, bytes, idle.
[ -z "$PYTHON" ] && PYTHON=python3
"$PYTHON" "$here/screen.py" "${SEQLAB:-build/seqlab}"
