#!/bin/sh
# Six models on the data of their papers, each with a budget of BUDGET seconds (default 600) of training: figures of the paper's protocol
# beside popularity, Markov-1 and nearest sessions.  Names of runs as arguments: only those.  Needs $SEQLAB_DATA.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/real" || exit 1
failed=0
for run in ${*:-sasrec bert4rec caser svae gru4rec pen4rec-srgnn pen4rec}; do
    echo "== $run"
    "build/$MODE/tests/long/real" "$run" "${BUDGET:-600}" || failed=1
done
exit $failed
