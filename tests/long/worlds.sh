#!/bin/sh
# The table of models and worlds, seed 1: about ten minutes on two cores.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/worlds" || exit 1
exec "build/$MODE/tests/long/worlds" "$@"
