/* The table of protocols; see protocols.h. */
#include "engine/train/protocols.h"
#include "engine/train/eval.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PROTOCOL_ROW(label, metric, k) {label, metric, k},
#define PROTOCOL(id, name, split, candidates, ties, exclude, unread, metrics, title, doc)      \
    [PROTO_##id] = {name, title, doc, split, candidates, ties, exclude, unread, {metrics}},
static const struct protocol_def defs[] = {
#include "engine/train/protocols.def"
};
#undef PROTOCOL

const char *const protocol_names[] = {
#define PROTOCOL(id, name, split, candidates, ties, exclude, unread, metrics, title, doc) name,
#include "engine/train/protocols.def"
    NULL,
};
#undef PROTOCOL

const struct protocol_def *protocol_def(enum protocol p)
{
    return &defs[(unsigned)p < sizeof defs / sizeof *defs ? p : PROTO_FULL];
}

void protocol_label(const struct protocol_metric *m, int32_t k, char label[METRIC_LABEL],
                    char key[METRIC_LABEL])
{
    size_t n = strlen(m->label);
    bool at = n > 0 && m->label[n - 1] == '@';
    if (at)
        snprintf(label, METRIC_LABEL, "%s%d", m->label, (int)(m->k ? m->k : k));
    else
        snprintf(label, METRIC_LABEL, "%s", m->label);
    for (n = 0; label[n]; n++)
        key[n] = (char)tolower((unsigned char)label[n]);
    key[n] = '\0';
}

enum status protocol_use(struct eval_spec *s, enum protocol p, const struct split *sp,
                         struct err *err)
{
    const struct protocol_def *d = protocol_def(p);
    if (d->split >= 0 && sp->kind != (enum split_kind)d->split) {
        err_set(err, ST_STATE, "protocol %s does not ask a split \"%s\"", d->name, sp->name);
        return err_hint(err, "bad-value", "Try: data split %s", split_words[d->split]),
               ST_STATE;
    }
    s->protocol = p;
    s->ties = d->ties;
    if (d->exclude >= 0)
        s->exclude_seen = d->exclude;
    return ST_OK;
}
