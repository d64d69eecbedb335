/* Evaluation protocols as rows of protocols.def: which questions, against which candidates,
 * and what is reported. */
#ifndef ENGINE_TRAIN_PROTOCOLS_H
#define ENGINE_TRAIN_PROTOCOLS_H

#include "engine/data/split.h"
#include "engine/train/metrics.h"

enum protocol {
#define PROTOCOL(id, name, split, candidates, ties, exclude, unread, metrics, title, doc)      \
    PROTO_##id,
#include "engine/train/protocols.def"
#undef PROTOCOL
};
/* TRAINED: items that occur in training */
enum candidates { CANDIDATES_ALL, CANDIDATES_TRAINED, CANDIDATES_UNI100, CANDIDATES_POP100 };
enum { PROTOCOL_METRICS = 8, METRIC_LABEL = 24 };
struct protocol_metric {
    const char *label, *metric; /* "Recall@", a row of metrics.def; NULL: no more */
    int32_t k;                  /* 0: the k that is asked for */
};
struct protocol_def {
    const char *name, *title, *doc;
    int split; /* enum split_kind whose questions it asks; -1: any */
    enum candidates candidates;
    enum ties ties;
    int exclude; /* seen items leave the candidates; -1: as the data have it */
    /* so many items at the end of what is given are neither read nor left out */
    int32_t unread;
    struct protocol_metric metric[PROTOCOL_METRICS + 1];
};
extern const char *const protocol_names[]; /* in the order of enum protocol; NULL-terminated */
const struct protocol_def *protocol_def(enum protocol p);
/* "Recall@20" for a table and "recall@20" for JSON. */
void protocol_label(const struct protocol_metric *m, int32_t k, char label[METRIC_LABEL],
                    char key[METRIC_LABEL]);
/* Candidates, ties and exclusion of a protocol; ST_STATE with a hint when the data are split
 * otherwise. */
struct eval_spec;
enum status protocol_use(struct eval_spec *s, enum protocol p, const struct split *sp,
                         struct err *err);

#endif
