#!/bin/sh
# BERT4Rec on the worlds gap and opener, seeds 4 to 6: some minutes.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/planted_bert4rec" || exit 1
exec "build/$MODE/tests/long/planted_bert4rec" "$@"
