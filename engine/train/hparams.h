/* Hyper-parameters: a model's table of names, types, ranges and defaults, and a set of
 * values. */
#ifndef ENGINE_TRAIN_HPARAMS_H
#define ENGINE_TRAIN_HPARAMS_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hparam_type { HP_INT, HP_FLOAT, HP_BOOL, HP_ENUM, HP_LIST /* "100,50": widths */ };
struct hparam_def {
    const char *name;
    enum hparam_type type;
    /* may change between two batches; others only for a new model */
    bool live;
    double def, min, max;       /* HP_ENUM: index of the default */
    const char *const *choices; /* HP_ENUM: NULL-terminated */
    const char *doc;            /* one line */
    const char *author_word;    /* what the paper or its code calls it, or NULL */
};
struct preset_def {
    const char *name, *doc;
    const char *settings; /* "d=50 layers=2 loss=bce" */
};
struct hparams; /* values for one table; heap object */
MUST_CHECK enum status hparams_new(struct hparams **out, const struct hparam_def *defs,
                                   const char *model, struct err *err);
MUST_CHECK enum status hparams_copy(struct hparams **out, const struct hparams *hp,
                                    struct err *err);
void hparams_free(struct hparams *hp);
/* NULL = none */
const struct hparam_def *hparams_def(const struct hparams *hp, const char *name);
/* ends with name == NULL */
const struct hparam_def *hparams_defs(const struct hparams *hp);
/* Text to value with range check; unknown names get "did you mean". */
enum status hparams_set(struct hparams *hp, const char *name, const char *value,
                        struct err *err);
/* "a=1 b=2": a preset */
enum status hparams_set_all(struct hparams *hp, const char *settings, struct err *err);
/* value as typed */
void hparams_text(const struct hparams *hp, const char *name, char *buf, size_t size);
enum { HPARAMS_TEXT = 4096 }; /* room for all */
/* "d=64 lr=0.001 ...", as hparams_set_all takes it */
void hparams_text_all(const struct hparams *hp, char *buf, size_t size);
/* differs from the default */
bool hparams_changed(const struct hparams *hp, const char *name);
/* int, float, bool as number; asserts that it exists */
double hp_num(const struct hparams *hp, const char *name);
int32_t hp_int(const struct hparams *hp, const char *name);
float hp_float(const struct hparams *hp, const char *name);
bool hp_bool(const struct hparams *hp, const char *name);
int hp_enum(const struct hparams *hp, const char *name); /* index of the choice */
int hp_list(const struct hparams *hp, const char *name, int32_t *out, int max);
bool hp_has(const struct hparams *hp, const char *name);

/* Rows that every trained model has; a model's table begins with them, with its own
 * defaults. */
// clang-format off
#define HP_TRAINING(opt_i, lr_, b1_, b2_, eps_, batch_, wd_, clip_)                                                     \
    {"opt", HP_ENUM, false, opt_i, 0, 0, hp_optimisers, "optimiser; adadelta goes with lr=1", NULL},                       \
    {"lr", HP_FLOAT, true, lr_, 0, 10, NULL, "learning rate", NULL},                                                    \
    {"beta1", HP_FLOAT, true, b1_, 0, 0.9999, NULL, "Adam: decay of the first moment", NULL},                           \
    {"beta2", HP_FLOAT, true, b2_, 0, 0.99999, NULL, "Adam: decay of the second moment", NULL},                         \
    {"eps", HP_FLOAT, true, eps_, 0, 1, NULL, "optimiser's epsilon", NULL},                                             \
    {"momentum", HP_FLOAT, true, 0, 0, 0.9999, NULL, "momentum (sgd, adagrad, rmsprop, adadelta)", NULL},               \
    {"rho", HP_FLOAT, true, 0.9, 0, 0.9999, NULL, "rmsprop, adadelta: decay of the running means", "adapt_params"},       \
    {"warmup", HP_INT, true, 0, 0, 1e9, NULL, "steps of linear warm-up", NULL},                                         \
    {"decay_steps", HP_INT, true, 0, 0, 1e9, NULL, "linear decay to 0 at this step; 0 = none", NULL},                   \
    {"lr_step", HP_INT, true, 0, 0, 1e9, NULL, "epochs after which the rate is multiplied by lr_gamma, again and again; 0 = never", NULL}, \
    {"lr_gamma", HP_FLOAT, true, 0.1, 0, 1, NULL, "factor of lr_step", NULL},                                           \
    {"batch", HP_INT, true, batch_, 1, 65536, NULL, "sessions (or windows, lanes) a batch", NULL},                      \
    {"wd", HP_FLOAT, true, wd_, 0, 10, NULL, "weight decay", NULL},                                                     \
    {"clip", HP_FLOAT, true, clip_, 0, 1e6, NULL, "clip the global gradient norm here; 0 = off", NULL}
// clang-format on
extern const char *const hp_optimisers[]; /* in the order of optim_defs */
enum {
    HP_ADAM,
    HP_ADAMW,
    HP_BERTADAM,
    HP_ADAGRAD,
    HP_SGD,
    HP_LAZYADAM,
    HP_RMSPROP,
    HP_ADADELTA,
};

#endif
