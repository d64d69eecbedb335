/* Settings: rows of settings.def behind `set`, `show` and `reset`.  Values are numbers: a
 * whole number, a number, 0 or 1, or the index of a choice.  Hyper-parameters of models are
 * not here: `set lr` goes to the run (cmd_sys.c).  Owned by the app's thread. */
#ifndef APP_SETTINGS_H
#define APP_SETTINGS_H

#include "engine/base/status.h"
#include <stdbool.h>
#include <stddef.h>

enum setting_type { SET_INT, SET_NUM, SET_BOOL, SET_CHOICE };
struct setting_def {
    const char *name;
    enum setting_type type;
    double def, min, max;
    const char *const *choices; /* SET_CHOICE: NULL-terminated */
    const char *group, *doc;    /* "view", "screen", "time", "run" */
};
enum setting_id {
#define SETTING(id, name, type, def, min, max, choices, group, doc) SETTING_##id,
#include "app/settings.def"
#undef SETTING
    SETTINGS,
};
extern const struct setting_def setting_defs[]; /* SETTINGS rows, then name == NULL */

struct app;
struct settings;
MUST_CHECK enum status settings_new(struct settings **out, struct err *err);
void settings_free(struct settings *s);
/* What views ask: never fails; the default when a has no settings. */
double setting(const struct app *a, enum setting_id id);
const char *setting_choice(const struct app *a, enum setting_id id); /* the word of a choice */
unsigned settings_generation(const struct app *a); /* grows with each change */

int setting_find(const char *name); /* -1 = none */
/* Text to value: "on", "off", "toggle", "next", a number, a choice.  Applies it (threads,
 * seed, truth). */
enum status setting_set(struct app *a, int id, const char *text, struct err *err);
enum status setting_reset(struct app *a, int id, struct err *err);
void setting_text(const struct app *a, int id, char *buf, size_t size);
bool setting_changed(const struct app *a, int id);
/* "auto|braille|block|ascii", "1..60", "on|off". */
void setting_range(int id, char *buf, size_t size);

#endif
