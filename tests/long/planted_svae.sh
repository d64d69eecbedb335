#!/bin/sh
# SVAE on the worlds tastes and chain, seeds 4 to 6: some minutes.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/planted_svae" || exit 1
exec "build/$MODE/tests/long/planted_svae" "$@"
