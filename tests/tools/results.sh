#!/bin/sh
# Results: the table of models and worlds, GRU4Rec's losses under one roof, and figures on real data beside the simple baselines.  BUDGET: seconds of training for each
# model on real data, default 120.  A quarter of an hour and more.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/worlds" "build/$MODE/tests/long/losses" "build/$MODE/tests/long/real" || exit 1
failed=0
"build/$MODE/tests/long/worlds" || failed=1
"build/$MODE/tests/long/losses" || failed=1
BUDGET=${BUDGET:-120} MODE="$MODE" sh tests/long/real.sh || failed=1
exit $failed
