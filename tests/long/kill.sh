#!/bin/sh
# kill -9 at random moments never costs a checkpoint, and a run that was killed and resumed ends with the bits of one that was not.
#   KILLS=20 tests/long/kill.sh
: "${SEQLAB:=build/seqlab}" "${KILLS:=20}"
box=$(mktemp -d) || exit 1
trap 'rm -rf "$box"' EXIT
export SEQLAB_HOME="$box/home"
ck="$box/run.safetensors"
data='data plant chain sessions=2000 seed=3'
steps=400
sha() { sed -n 's/.*sha256 //p'; }
want=$("$SEQLAB" -e "$data; model new sasrec seed=3; train steps=$steps; show run" 2>/dev/null | sha)
[ -n "$want" ] || { echo "no hash of the plain run"; exit 1; }

step_of() { head -c 4096 "$ck" 2>/dev/null | grep -ao '"step":"[0-9]*"' | grep -o '[0-9]*'; }
# A script that trains five steps at a time and saves after each.
script() { # from
    if [ "$1" -gt 0 ]; then echo "$data; load model $ck"; else echo "$data; model new sasrec seed=3"; fi
    at=$1
    while [ "$at" -lt $steps ]; do
        at=$((at + 5))
        echo "train steps=5; save model $ck"
    done
    echo "show run"
}
killed=0 bad=0 last=0
while :; do
    at=$(step_of); at=${at:-0}
    [ "$at" -lt "$last" ] && { echo "the step fell from $last to $at"; bad=$((bad + 1)); }
    last=$at
    script "$at" >"$box/script"
    "$SEQLAB" --batch "$box/script" >"$box/out" 2>"$box/err" &
    pid=$!
    if [ $killed -lt "$KILLS" ]; then
        sleep "0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' ' | awk '{printf "%03d", 150 + $1 * 3}')"
        kill -9 $pid 2>/dev/null && killed=$((killed + 1))
        wait $pid 2>/dev/null
        if [ -e "$ck" ]; then # whatever stands there must load
            "$SEQLAB" -e "$data; load model $ck" >/dev/null 2>"$box/err" || { echo "unreadable after a kill:"; cat "$box/err"; bad=$((bad + 1)); rm -f "$ck"; last=0; }
        fi
        [ "$(step_of)" = $steps ] && break
    else
        wait $pid || { cat "$box/err"; bad=$((bad + 1)); }
        break
    fi
done
got=$("$SEQLAB" -e "$data; load model $ck; show run" 2>/dev/null | sha)
[ "$got" = "$want" ] || { echo "resumed: $got, uninterrupted: $want"; bad=$((bad + 1)); }
left=$(find "$box" -name '.*.part.*' | wc -l)
echo "$killed kills, $left temporary files left by them, final bits $([ "$got" = "$want" ] && echo equal || echo DIFFER)"
exit $bad
