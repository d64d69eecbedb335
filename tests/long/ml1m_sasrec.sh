#!/bin/sh
# SASRec's paper preset on MovieLens-1M for 20 epochs, beside popularity and Markov-1: a few minutes; needs $SEQLAB_DATA.
MODE=${MODE:-release}
make -s MODE="$MODE" "build/$MODE/tests/long/ml1m_sasrec" || exit 1
exec "build/$MODE/tests/long/ml1m_sasrec" "$@"
