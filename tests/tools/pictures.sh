#!/bin/sh
# The gallery: a picture of each tab of each model, drawn by the program itself into DIR (default app/pictures).  Minutes.
#   tests/tools/pictures.sh [DIR]
SEQLAB=${SEQLAB:-build/seqlab}
dir=${1:-app/pictures}
SEQLAB_HOME=$(mktemp -d) || exit 1
export SEQLAB_HOME
trap 'rm -rf "$SEQLAB_HOME"' EXIT
mkdir -p "$dir"

after=
# picture MODEL WORLD SIZE 'COMMANDS BEFORE' TAB ...
picture() {
    model=$1 world=$2 size=$3 before=$4
    shift 4
    script="data plant $world; data info; $before" # info waits for the ceiling
    for tab; do script="$script; tab $tab; $after export screen to $dir/$model-$tab.svg"; done
    "$SEQLAB" --seed 1 --screen "$size" -e "$script" >/dev/null 2>"$SEQLAB_HOME/err" || { cat "$SEQLAB_HOME/err" >&2; exit 1; }
    echo "$model: $*"
}

picture sasrec twins 100x30 'model new sasrec; train steps=800; seq from s:3210 upto=8; pin; whatif -2=45; set truth on' train predict attention latent evolution
picture bert4rec gap 100x30 'model new bert4rec; train steps=4000; seq from s:3210 upto=8' train predict attention latent evolution
picture gru4rec opener 100x30 'model new gru4rec; train steps=1500; seq from s:3210 upto=8' train predict gates latent evolution
picture caser pairs 100x30 'model new caser; train epochs=6; seq from s:3210 upto=8' train predict filters latent evolution
picture svae tastes 100x30 'model new svae; train epochs=8; seq from s:3210 upto=8' train predict latent evolution
picture pen4rec drift 100x30 'model new pen4rec; train epochs=3; seq from s:3210 upto=8' train predict gates evolution latent
picture two bazaar 120x36 'model new sasrec; train steps=600; model new gru4rec slot=B; train steps=600; model use A; seq from s:3210 upto=8' compare data
after='layout next;' # the text of the lesson
picture two bazaar 120x36 'lesson start 4; lesson do; lesson hint' lessons
after=
picture stepping bazaar 120x36 'model new sasrec; train steps=200; watch item.E[45]; watch loss; step 17 op' train
