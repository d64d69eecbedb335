/* Arguments of a parsed command, as handlers ask for them. */
#include "app/cmd/call.h"

#include <string.h>
#include <strings.h>

static const struct arg_value *get(const struct cmd_call *c, const char *name, int i)
{
    for (int k = 0; k < c->n; k++)
        if (strcasecmp(c->v[k].arg->name, name) == 0 && i-- == 0) /* SESSION or session */
            return &c->v[k];
    return NULL;
}

bool call_has(const struct cmd_call *c, const char *name)
{
    return get(c, name, 0) != NULL;
}

int64_t call_int(const struct cmd_call *c, const char *name, int64_t def)
{
    const struct arg_value *v = get(c, name, 0);
    return v ? v->i : def;
}

int64_t call_int_at(const struct cmd_call *c, const char *name, int i)
{
    const struct arg_value *v = get(c, name, i);
    return v ? v->i : 0;
}

double call_num(const struct cmd_call *c, const char *name, double def)
{
    const struct arg_value *v = get(c, name, 0);
    return v ? v->num : def;
}

const char *call_text(const struct cmd_call *c, const char *name, const char *def)
{
    const struct arg_value *v = get(c, name, 0);
    return v ? v->text : def;
}

const struct sequence *call_seq(const struct cmd_call *c, const char *name)
{
    const struct arg_value *v = get(c, name, 0);
    return v ? v->seq : NULL;
}

int call_count(const struct cmd_call *c, const char *name)
{
    int n = 0;
    while (get(c, name, n))
        n++;
    return n;
}

const char *call_at(const struct cmd_call *c, const char *name, int i)
{
    const struct arg_value *v = get(c, name, i);
    return v ? v->text : NULL;
}

const char *call_key_at(const struct cmd_call *c, const char *name, int i)
{
    const struct arg_value *v = get(c, name, i);
    return v ? v->key : NULL;
}

const struct cmd_def *call_def(const struct cmd_call *c)
{
    return c->def;
}

const char *call_line(const struct cmd_call *c)
{
    return c->line;
}

bool call_is_strict(const struct cmd_call *c)
{
    return c->strict;
}

void call_blame(const struct cmd_call *c, const char *name, struct cmd_out *o)
{
    const struct arg_value *v = get(c, name, 0);
    if (v)
        out_place(o, v->col, v->len);
}
