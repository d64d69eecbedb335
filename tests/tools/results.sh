#!/bin/sh
# Results: what is found in the generated worlds, and metrics on real data beside the simple baselines.  Minutes.
MODE=${MODE:-release}
for t in planted_sasrec ml1m_sasrec; do
    make -s MODE="$MODE" "build/$MODE/tests/long/$t" || exit 1
    echo "== $t"
    "build/$MODE/tests/long/$t" || exit 1
done
