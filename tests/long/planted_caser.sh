#!/bin/sh
# Caser on the worlds chain, twins and pairs, seeds 4 to 6: some minutes.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/planted_caser" || exit 1
exec "build/$MODE/tests/long/planted_caser" "$@"
