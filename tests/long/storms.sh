#!/bin/sh
# The program under abuse: KEYS random bytes, RESIZES new sizes and STOPS stops over the six models, with training on; a quarter of an hour.
#   KEYS=1000000 RESIZES=10000 STOPS=200 SEED=1 MODE=release tests/long/storms.sh      MODE=asan: the program under sanitizers
MODE=${MODE:-release}
[ "$MODE" = release ] && program=build/seqlab || program=build/$MODE/seqlab
make -s MODE="$MODE" "$program" && make -s build/release/tests/long/storms || exit 1
[ "$MODE" = asan ] && export ANY_GROWTH=1 ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=0}"
exec build/release/tests/long/storms "${SEQLAB:-$program}" "${KEYS:-1000000}" "${RESIZES:-10000}" "${STOPS:-200}" "${SEED:-1}"
