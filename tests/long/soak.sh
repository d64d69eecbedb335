#!/bin/sh
# The program in use for MINUTES (8 hours): memory must not grow by 1 MiB an hour, nor its open files.  A model's words as arguments: that one.
make -s build/seqlab build/release/tests/long/soak || exit 1
exec build/release/tests/long/soak "${SEQLAB:-build/seqlab}" "${MINUTES:-480}" "$@"
