#!/bin/sh
# Plants known mistakes, one at a time, in a copy of the tree; a test must fail for each.  Closes with `N caught, N survived`.
#   tests/tools/mutants.sh [part of a name]
# A line below: mutant NAME FILE SED TEST.  SED must change FILE, and the result must build.
only=$1
box=$(mktemp -d) || exit 1
trap 'rm -rf "$box"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null -T - -cf - | tar -xf - -C "$box" || exit 1
mkdir -p "$box/build"
[ -d build/release ] && cp -a build/release "$box/build/"
cd "$box" || exit 1
export OPENBLAS_NUM_THREADS=1 LC_ALL=C.UTF-8 SEQLAB_HOME="$box/home" TMPDIR="$box"
caught=0 survived=0

mutant() {
    case $1 in *"$only"*) ;; *) return ;; esac
    cp "$2" "$box/kept"
    sed -i -E "$3" "$2"
    if cmp -s "$2" "$box/kept"; then
        echo "STALE     $1: the pattern is no longer in $2"
        survived=$((survived + 1))
        return
    fi
    if ! make -s "build/release/tests/$4" >"$box/log" 2>&1; then
        echo "NO BUILD  $1"
        tail -3 "$box/log"
        survived=$((survived + 1))
    elif timeout 120 "build/release/tests/$4" >"$box/log" 2>&1; then
        echo "SURVIVED  $1  ($4 passed)"
        survived=$((survived + 1))
    else
        echo "caught    $1  ($(grep -m 1 '^\[  FAILED  \] [^0-9]' "$box/log" | sed 's/.*\] //'))"
        caught=$((caught + 1))
    fi
    cp "$box/kept" "$2"
}

mistakes=contract/test_sasrec_mistakes
golden=golden/test_sasrec_golden
# SASRec: what implementations have got wrong
mutant "1 attention sees the future"          models/sasrec.c 's/m->heads, true, m->dropout/m->heads, false, m->dropout/' $mistakes
mutant "1 convolution sees the future"        engine/tensor/ops_conv.c 's/^(            kern\(\)->gemm\(GEMM_FULL, m, out, in, x->x \+ \(size_t\))first( \* ldx, ldx, 1, tap)/\1(first + (lag ? 2 * lag < m ? 2 * lag : 0 : 0))\2/' $mistakes
mutant "2 attention across sessions"          models/sasrec.c 's/op_attention\(t, q, k, v, b->off, b->n,/op_attention(t, q, k, v, (int32_t[]){0, b->off[b->n]}, 1,/' $mistakes
mutant "3 convolution across sessions"        models/sasrec.c 's/tape_param\(t, p->b\), b->off, b->n, act/tape_param(t, p->b), (int32_t[]){0, b->off[b->n]}, 1, act/' $mistakes
mutant "4 row 0 drifts: starts like others"   models/sasrec.c 's/PARAM_ROWS \| PARAM_ZERO_ROW0/PARAM_ROWS/' $mistakes
mutant "5 official: residual from X"          models/sasrec.c 's/w, q_in, x, 0\), q_in\);/w, q_in, x, 0), x);/' $mistakes
mutant "5 official: K and V from LN(X)"       models/sasrec.c 's/w, q_in, x, 0\), q_in\);/w, q_in, q_in, 0), q_in);/' $golden
mutant "5 official: second residual from Y"   models/sasrec.c 's/w, f_in\), f_in\) : f_in;/w, f_in), y) : f_in;/' $golden
mutant "5 pre_ln: residual from LN(X)"        models/sasrec.c 's/w, q_in, q_in, m->dropout\), x\);/w, q_in, q_in, m->dropout), q_in);/' $golden
mutant "5 post_ln: norm before the residual"  models/sasrec.c 's/op_add\(t, feed\(m, t, b, w, y\), y\)\) : y;/feed(m, t, b, w, y)) : y;/' $mistakes
mutant "6 scale 1 over sqrt(d)"                   engine/tensor/ops_attention.c 's/1 \/ sqrtf\(\(float\)c->dh\)/1 \/ sqrtf((float)(c->dh * heads))/' $mistakes
mutant "7 loss over all slots"                engine/data/batch_sessions.c 's/n \/ \(double\)b->n_counted/n \/ ((double)plan->n_session * b->s.max_len)/' $mistakes
mutant "8 rejection forgotten"                models/sasrec.c 's/m->batch.neg_reject = hp_bool\(hp, "neg.reject"\)/m->batch.neg_reject = false/' $mistakes
mutant "8 item V is never drawn"              engine/data/negatives.c 's/u \* \(uint32_t\)t->n;/u * (uint32_t)(t->n - 1);/' $mistakes
mutant "8 id 0 is drawn"                      engine/data/negatives.c 's/return i \+ 1;/return i;/' $mistakes
mutant "9 positions from the wrong side"      engine/data/batch.c 's/s->max_len - len \+ t : t/t : t/' $mistakes
mutant "9 the oldest items are kept"          engine/data/block.c 's/item\[len - read \+ t - empty\]/item[t - empty]/' $mistakes
mutant "10 dropout in answers"                engine/tensor/tape.c 's/return t->env.training;/return true;/' $mistakes
mutant "11 the validation item trains"        engine/data/split.c 's/: n - 2 \* sp->k;/: n - sp->k;/' $mistakes
mutant "12 ties count as won"                 engine/train/eval_rank.c 's/o->rank \+= 0.5 \* o->n_tie;/o->n_tie = 0;/' $mistakes
mutant "13 id 0 is offered"                   engine/train/heads.c 's/o\[0\] = \(real\)-INFINITY;/o[0] = 0;/' $mistakes
mutant "13 a repeated target is left out"     engine/train/eval_rank.c 's/if \(i != c->target \&\& !seen\[i\] /if (!seen[c->target] \&\& !seen[i] /' $mistakes
mutant "14 beta2 .999 in the paper's preset"  models/sasrec.c '/define PAPER/,/batch=128/s/beta2=0.98/beta2=0.999/' $mistakes
mutant "14 beta2 does not reach Adam"         engine/train/learner_step.c 's/\.beta2 = hp_float\(l->hp, "beta2"\)/.beta2 = 0.999f/' $mistakes
mutant "15 no gradient through the input"     engine/tensor/ops_rows.c 's/^    tape_rows_grad\(t, c->table, .*c->scale\);/    (void)c->scale;/' $golden
mutant "15 scale forgotten in the gradient"   engine/tensor/ops_rows.c 's/(tape_rows_grad\(t, c->table, .*)c->scale\);/\11);/' $golden
mutant "16 softplus overflows"                engine/tensor/vec.h 's/vr e = vexp\(-vabs\(x\)\), s/vr e = vexp(x), s/' $mistakes

# Beyond the sixteen
mutant "gbce: beta not applied"               models/sasrec.c 's/m->head.gbce_t = hp_float\(hp, "gbce.t"\);/m->head.gbce_t = 0;/' $mistakes
mutant "markov: counts without a prior"       models/markov.c 's/double c = m->prior \* m->pop\[v\];/double c = 0;/' contract/test_models
mutant "lens is not declared"                 models/sasrec.c 's/^    \{"lens\*",/    {"lenz*",/' contract/test_models

# BERT4Rec
mistakes=contract/test_bert4rec_mistakes
golden=golden/test_bert4rec_golden
mutant "bert 1 no last-only samples"          models/bert4rec.c 's/m->batch.p_last = hp_float\(hp, "mask.last"\);/m->batch.p_last = 0;/' $mistakes
mutant "bert 2 softmax over [mask] too"       models/bert4rec.c 's/if \(!m->all_rows\)/if (false)/' $mistakes
mutant "bert 4 the true item is read"         engine/data/batch_cloze.c 's/a->item\[r\] = hide\(b, \&p\[i\], key, t, item\[t\]\);//' $mistakes
mutant "bert 5 place 0 is never hidden"       engine/data/batch_cloze.c 's/if \(!chosen\(\&p\[i\], key, t, still\)\)/if (t == 0 || !chosen(\&p[i], key, t, still))/' $mistakes
mutant "bert 6 the oldest item is lost"       engine/data/block.c 's/return len < most \? len : most;/return len < most ? len - 1 : most;/' $mistakes
mutant "bert 8 accidental causal mask"        models/bert4rec.c 's/m->causal = hp_enum\(hp, "direction"\) == 1;/m->causal = true;/' $mistakes
mutant "bert 9 tanh form of GELU"             models/bert4rec.c 's/act_of\[\] = \{ACT_GELU,/act_of[] = {ACT_GELU_TANH,/' $golden
mutant "bert 9 no LayerNorm in the head"      models/bert4rec.c 's/m->project \&\& m->head_ln \?/false ?/' $golden
mutant "bert 9 pre-LN"                        models/bert4rec.c 's/m->pre_ln = hp_enum\(hp, "norm"\) == 1;/m->pre_ln = true;/' $golden
mutant "bert 12 LayerNorm decays"             models/layers.h 's/INIT_ONE, 0, PARAM_NO_DECAY/INIT_ONE, 0, 0/' $mistakes
mutant "bert 14 no cap"                       engine/data/batch_cloze.c 's/return s->cap > 0 \&\& k > s->cap \? s->cap : k;/return k;/' $golden
mutant "bert 15 no window at 0"               engine/data/batch_cloze.c 's/return at > 0 \? at : 0;/return at > 0 ? at : 1;/' $golden

# GRU4Rec
mistakes=contract/test_gru4rec_mistakes
golden=golden/test_gru4rec_golden
mutant "gru 1 no reset"                       engine/data/batch_parallel.c 's/fresh\[i\] = p\[i\].from == 0;/fresh[i] = 0;/' $mistakes
mutant "gru 2 reset at every step"            engine/data/batch_parallel.c 's/fresh\[i\] = p\[i\].from == 0;/fresh[i] = 1;/' $mistakes
mutant "gru 2 nothing is carried"             models/gru4rec.c 's/^    tape_carry\(t, w->lanes, b->lane, last\);/    (void)last;/' $mistakes
mutant "gru 9 draws are uniform"              engine/data/negatives.c 's/pow\(pop, \(double\)alpha\)/1/' $golden
mutant "gru 11 sessions in file order"        models/gru4rec.c 's/!hp_bool\(hp, "time_sort"\)/true/' $mistakes
mutant "gru 12 range of the joined gates"     models/gru4rec.c 's/\(float\)in \+ \(float\)out;/(float)in + (float)(gates * out);/' $mistakes
mutant "gru 13 the libraries' cell"           models/gru4rec.c 's/m->reset_after = hp_enum\(hp, "gru_cell"\) == 1;/m->reset_after = true;/' $golden
mutant "gru 13 gates exchanged"               models/gru4rec.c 's/gru_thirds\(c.x, xg, w->h, 1, 2, 0\)/gru_thirds(c.x, xg, w->h, 2, 1, 0)/' $golden
mutant "gru 14 no dropout of the state"       models/gru4rec.c 's/b->off, b->n\)\), m->drop\);/b->off, b->n)), 0);/' $mistakes
mutant "gru 14 the undropped state goes on"   models/gru4rec.c 's/prev = op_dropout\(t, h, m->drop\);/prev = h;/' $mistakes
mutant "gru 19 no output bias"                models/gru4rec.c 's/m->head.bias = params_add/(void)params_add/' $mistakes
mutant "gru 21 loss divided by who is alive"  engine/data/batch_parallel.c 's/\(float\)\(1.0 \/ b->s.size\)/(float)(1.0 \/ plan->n_session)/' $mistakes
mutant "gru 23 targets corrected as draws"     engine/train/heads_cols.c 's/const float \*odds = drawn \|\| !b->logpop \? b->logq : b->logpop;/const float *odds = b->logq; (void)drawn;/' $golden

# Caser
mistakes=contract/test_caser_mistakes
golden=golden/test_caser_golden
mutant "caser 1 activated averages"           models/caser.c 's/tape_probe\(t, "conv.v", v\)/tape_probe(t, "conv.v", op_act(t, v, ACT_RELU))/' $golden
mutant "caser 3 the mean of places"           models/caser.c 's/POOL_MEAN : POOL_MAX;/POOL_MEAN : POOL_MEAN;/' $golden
mutant "caser 4 gradient to every place"      engine/tensor/ops_cnn.c 's/if \(c->win\[s \* c->k \+ k\] == i\)/if (true)/' $golden
mutant "caser 5 a gap before the targets"     engine/data/batch_windows.c 's/int32_t at = p\[i\].from - L \+ t;/int32_t at = p[i].from - L + t - 1;/' $mistakes
mutant "caser 6 short users dropped"          engine/data/batch_windows.c 's/full > 1 \? full : 1;/full > 1 ? full : full == 1;/' $mistakes
mutant "caser 7 row 0 starts like others"     models/caser.c 's/\? 0 : PARAM_ZERO_ROW0;/? 0 : 0;/' $mistakes
mutant "caser 8 the oldest items are read"    engine/data/block.c 's/item\[len - read \+ t - empty\]/item[t - empty]/' $mistakes
mutant "caser 9 negatives from the history"   models/caser.c 's/m->batch.neg_reject = true;/m->batch.neg_reject = false;/' $mistakes
mutant "caser 9 the same in every epoch"      engine/data/batch.c 's/rng_key\(b->seed, plan->step, rng_site\("batch.neg"\)/rng_key(b->seed, 0 * plan->step, rng_site("batch.neg")/' $mistakes
mutant "caser 10 always for each target"      models/caser.c 's/\(hp_enum\(hp, "neg_per"\) == 1 \? T : 1\)/T/' $mistakes
mutant "caser 12 deviation 1 over sqrt(d)"    models/caser.c 's/INIT_NORMAL, 1 \/ \(float\)d,/INIT_NORMAL, 1 \/ sqrtf((float)d),/' $mistakes
mutant "caser 14 the user's vector is lost"   models/caser.c 's/op_concat\(t, \(struct tensor \*\[\]\)\{x, user\}, 2\)/op_concat(t, (struct tensor *[]){x, x}, 2)/' $golden
mutant "caser 15 no L2 on the filters"        models/caser_tail.c 's/INIT_UNIFORM, reach, 0\)\}/INIT_UNIFORM, reach, PARAM_NO_DECAY)}/' $mistakes
mutant "caser 19 AP divided by the hits"      engine/train/metrics.c 's/add\(a, sum \/ l->n_target\);/add(a, l->n ? sum \/ l->n : 0);/' $mistakes
mutant "caser 18 seen items count as hits"    engine/train/eval.c 's/bool out = s->exclude_seen \&\& target_seen/bool out = false \&\& target_seen/' $mistakes
mutant "caser: the taste is fitted away"      models/caser_fit.c 's/target \? -1 \/ \(1 \+ exp\(y\)\) : 1/target ? 1 \/ (1 + exp(y)) : -1/' contract/test_caser_tails
mutant "caser tail without types"             models/caser_tail.c 's/op_add\(t, x, op_rows\(t, m->type, type, rows, 0\)\)/x/' contract/test_caser_tails
mutant "caser tail: all of beta at once"      models/caser_tail.c 's/\(double\)step < m->beta_steps \?/false ?/' contract/test_caser_tails
mutant "caser tail: unscaled summary"         models/caser_tail.c 's/norm\(t, "ln2", \&m->ln2, y\)/y/' contract/test_caser_tails
mutant "caser: votes without weights"         models/caser.c 's/vote \* sqrt\(length\)/vote + 0 * sqrt(length)/' contract/test_caser_tails
mutant "caser: kept items move when one goes" engine/train/explore.c 's/blank = w->spec.kind == BATCH_WINDOWS;/blank = false;/' contract/test_caser_tails
mutant "caser 15 L2 decoupled"                engine/tensor/optim.c 's/^    adam_corrected\(x, g, aux, n, s, s->decay\);/    shrink(x, n, s->lr, s->decay), adam_corrected(x, g, aux, n, s, 0);/' $mistakes

# SVAE
mistakes=contract/test_svae_mistakes
golden=golden/test_svae_golden
mutant "svae 3 targets past the end"          engine/data/batch_sessions.c 's/left < n_target \? left : n_target, row, width\)/n_target, row, width)/' $mistakes
mutant "svae 4 repeats count twice"           engine/data/batch.c 's/^        if \(!had\)/        if (true)/' $mistakes
mutant "svae 5 a mean over time"              engine/data/batch_sessions.c 's/\(double\)plan->n_session \* at_first\)\);/(double)plan->n_session * at_first * rows));/' $mistakes
mutant "svae 6 divided by k"                  engine/data/batch_sessions.c 's/at_first = set_size\(target, width\);/at_first = width;/' $mistakes
mutant "svae 7 sigma is exp(s) everywhere"    engine/tensor/ops_latent.c 's/exp\(form == LATENT_HALF \? s \/ 2 : s\)/exp(s)/' $mistakes
mutant "svae 8 half the KL"                   engine/tensor/ops_latent.c 's/return 0.5 \* \(e \+ mu \* mu - 1 - s\);/return 0.25 * (e + mu * mu - 1 - s);/' $golden
mutant "svae 9 answers are drawn"             models/svae.c 's/tape_training\(t\) \|\| m->predict == PREDICT_SAMPLE/true/' $golden
mutant "svae 10 the run's counter"            models/svae.c 's/m->beta_restart \? b->epoch_step : b->step/b->step/' $mistakes
mutant "svae 10 at once at the cap"           models/svae.c 's/x < m->beta_cap \? x : m->beta_cap;/x > 0 ? m->beta_cap : 0;/' $mistakes
mutant "svae 11 reset before the product"     models/svae_front.c 's/.reset_after = true/.reset_after = false/' $golden
mutant "svae 12 the state goes on"            models/svae_front.c 's/op_gru\(t, \&c, NULL, b->off, b->n\);/op_gru(t, \&c, NULL, (int32_t[]){0, b->off[b->n]}, 1);/' $mistakes
mutant "svae 14 the last item given is read"  engine/train/eval.c 's/g.n_prefix -= protocol_def\(s->protocol\)->unread;/(void)s;/' $mistakes
mutant "svae 15 unknown items are candidates" engine/train/eval_rank.c 's/CANDIDATES_TRAINED \? j->w->split->train_pop : NULL;/CANDIDATES_TRAINED ? NULL : NULL;/' $mistakes
mutant "svae 17 the ideal over k"             engine/train/metrics.c 's/i <= k \&\& i <= l->n_target/i <= k/' $mistakes
mutant "svae 20 collapse is not said"         models/svae.c 's/^    .alarm = \&collapse,//' $mistakes
mutant "svae lstm: the cell is not kept"      engine/tensor/ops_lstm.c 's/K->mul\(g->gate\[FORGET\] \+ at, c - ld, tmp, ld\);/K->mul(g->gate[IN] + at, c - ld, tmp, ld);/' $mistakes
mutant "svae 16 rounded up"                   engine/data/split.c 's/\(int64_t\)n \* share \/ 100\)/((int64_t)n * share + 99) \/ 100)/' $mistakes

# PEN4Rec
mistakes=contract/test_pen4rec_mistakes
golden=golden/test_pen4rec_golden
mutant "pen 1 off by one: the target"         engine/data/batch_prefixes.c 's/a->target\[i\] = item\[p\[i\].len\];/a->target[i] = item[p[i].len - 1];/' $mistakes
mutant "pen 2 in and out exchanged"           models/pen4rec.c 's/op_graph\(t, b->adj_in,/op_graph(t, b->adj_out,/' $golden
mutant "pen 4 a repeated edge counts twice"   engine/data/batch_prefixes.c 's/s->edge_count \? \*edge \+ 1 : 1;/*edge + 1;/' $mistakes
mutant "pen 5 z takes the new state"          models/pen4rec.c 's/\.update_keeps = true/.update_keeps = false/' $golden
mutant "pen 6 DIEN's code"                    models/pen4rec.c 's/hp_enum\(hp, "augru.form"\) == 1/true/' $mistakes
mutant "pen 6 reset after the product"        models/pen4rec.c 's/struct gru_cell c = \{\.h = m->d\};/struct gru_cell c = {.h = m->d, .reset_after = true};/' $mistakes
mutant "pen 7 relevance over all tracks"      models/pen4rec.c 's/e = op_seg_softmax\(t, e, w->off, w->n\);/e = op_seg_softmax(t, e, (int32_t[]){0, w->off[w->n]}, 1);/' $mistakes
mutant "pen 8 equal items, equal tracks"      models/pen4rec.c 's/distinct = m->recent != RECENT_ANY \&\&/distinct = m->recent == RECENT_MEAN \&\&/' $mistakes
mutant "pen 14 the rate falls an epoch early" engine/train/learner_step.c 's/floor\(s \/ \(epochs/floor((s + (double)learner_steps_per_epoch(l)) \/ (epochs/' $mistakes
mutant "pen 15 L2 decoupled"                  engine/tensor/optim.c 's/^    adam_corrected\(x, g, aux, n, s, s->decay\);/    shrink(x, n, s->lr, s->decay), adam_corrected(x, g, aux, n, s, 0);/' $mistakes
mutant "pen 17 ties as the best place"        engine/train/protocols.def '/"prefixes"/s/TIES_HALF/TIES_STANDARD/' $mistakes

# What is put off, drawn, or asked several steps ahead
mutant "late: negatives are read as they are" engine/train/heads.c 's/^    if \(b->neg\)$/    if (b->neg \&\& !b->neg)/' contract/test_large_table
mutant "late: no row takes its turn"          engine/train/row_grads.c 's/lazy \&\& r < end;$/false;/' contract/test_large_table
mutant "late: a copy takes late rows"         engine/train/weights.c 's/^    learner_settle\(l, NULL\);//' contract/test_large_table
mutant "shuffle: one order for all epochs"    engine/data/batch_parallel.c 's/permute\(b, epoch, d->drawn\)/permute(b, 0, d->drawn)/' unit/test_batch_kinds
mutant "ahead: picks know what came"          engine/train/horizon_eval.c 's/left_out\(r, i, false\)/left_out(r, i, true)/' contract/test_horizon
mutant "ahead: every draw is the best"        engine/train/horizon.c 's/return n == 0 \? 0 : b->ranked\[i < n \? i : n - 1\];/return n == 0 ? 0 : b->ranked[0];/' contract/test_horizon
mutant "hidden: from the left only"           engine/data/world.c 's/p\[v\] \*= x\[0\]\[v\];/(void)x;/' unit/test_odds
mutant "hidden: the switch is not weighed"    engine/data/world_drift.c 's/weight\[at < tau \? a : b\] \+= q;/weight[a] += q;/' unit/test_odds

echo
echo "$caught caught, $survived survived"
[ "$survived" -eq 0 ]
