#!/bin/sh
# Times.  Each model's training step beside PyTorch's, interleaved: each round runs both, so that a busy machine slows both; the ratio
# is of the medians over the rounds, against the better of PyTorch's one and two threads.  PyTorch is told to keep freed memory (first
# touches of pages are dear) and to leave OpenBLAS at one thread, which is its best here; `as it comes` would be slower.
#   ROUNDS=3 SECONDS_EACH=0.7 tests/bench/run.sh [shape ...]      shapes: bench_models without arguments lists them
: "${BENCH:=build/release/tests/bench}" "${ROUNDS:=3}" "${SECONDS_EACH:=0.7}" "${PYTHON:=python3}"
export OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1
here=$(dirname "$0")
[ $# -gt 0 ] || set -- sasrec sasrec-small bert4rec gru4rec gru4rec-adam caser svae pen4rec
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM

has_torch() { "$1" -c 'import torch, numpy' 2>/dev/null; }
has_torch "$PYTHON" || { has_torch /usr/bin/python3 && PYTHON=/usr/bin/python3; } || PYTHON=
if [ -z "$PYTHON" ]; then
    echo "PyTorch is not installed (Debian: python3-torch): our times only, no ratio."
fi
peer() { # shape threads
    env MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=1000000000 OMP_NUM_THREADS="$2" \
        "$PYTHON" "$here/torch_models.py" "$1" "$tmp/sessions" "$2" "$SECONDS_EACH" | sed 's/^/torch /'
}
for shape in "$@"; do
    [ -z "$PYTHON" ] || "$BENCH/bench_models" -data "$shape" >"$tmp/sessions" || exit 1
    r=0
    while [ $r -lt "$ROUNDS" ]; do
        for t in 1 2; do
            "$BENCH/bench_models" "$shape" $t "$SECONDS_EACH" | sed 's/^/seqlab /'
            [ -z "$PYTHON" ] || peer "$shape" $t
        done
        r=$((r + 1))
    done
done | tee "$tmp/out"
echo
awk '
    { key = $1 " " $2 " " $3; n[key]++; v[key, n[key]] = $4; if (!($2 in seen)) { seen[$2] = 1; shape[++shapes] = $2 } }
    function median(key,   i, j, t, a, m) {
        m = n[key]
        for (i = 1; i <= m; i++) a[i] = v[key, i]
        for (i = 1; i <= m; i++) for (j = i + 1; j <= m; j++) if (a[j] < a[i]) { t = a[i]; a[i] = a[j]; a[j] = t }
        return m % 2 ? a[(m + 1) / 2] : (a[m / 2] + a[m / 2 + 1]) / 2
    }
    END {
        print "milliseconds a step     PyTorch, 1 thread   2 threads       seqlab, 1 thread              2 threads"
        for (i = 1; i <= shapes; i++) {
            s = shape[i]
            best = 0
            printf "%-23s", s
            for (t = 1; t <= 2; t++) {
                p = n["torch " s " " t] ? median("torch " s " " t) : 0
                if (p && (!best || p < best)) best = p
                printf t == 1 ? " %17s" : " %11s", p ? sprintf("%.2f", p) : "-"
            }
            for (t = 1; t <= 2; t++) {
                o = median("seqlab " s " " t)
                p = median("torch " s " " t)
                printf " %22s", sprintf("%.2f", o) (best ? sprintf(" (%.1fx, %.1fx)", best / o, p / o) : "")
            }
            print ""
        }
        print "(x: times as fast as the better of PyTorch with 1 and 2 threads; as PyTorch with as many threads)"
    }' "$tmp/out"

"$BENCH/bench_views"

# The screen: start, keys while training, bytes, idle.
[ -z "$PYTHON" ] && PYTHON=python3
"$PYTHON" "$here/screen.py" "${SEQLAB:-build/seqlab}"
