#!/bin/sh
# GRU4Rec on the worlds chain, twins and opener, seeds 4 to 6: some minutes.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/planted_gru4rec" || exit 1
exec "build/$MODE/tests/long/planted_gru4rec" "$@"
