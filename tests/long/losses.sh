#!/bin/sh
# GRU4Rec's losses compared on one world (default skew): a minute.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/losses" || exit 1
exec "build/$MODE/tests/long/losses" "$@"
