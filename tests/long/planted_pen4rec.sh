#!/bin/sh
# PEN4Rec on the worlds drift, twins and chain, seeds 4 to 6: some minutes.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/planted_pen4rec" || exit 1
exec "build/$MODE/tests/long/planted_pen4rec" "$@"
