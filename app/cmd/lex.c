/* Words of a command line; see lex.h.  No meaning here: what a word stands for is decided in
 * args.c. */
#include "app/cmd/lex.h"

#include <string.h>

struct lexer {
    const char *line;
    int32_t at, n;
    bool lenient;
    struct arena *mem;
    int32_t *col, *len;
    struct err *err;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool is_key_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
        return true;
    return !first && ((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '@');
}

static enum status fail(struct lexer *lx, int32_t col, int32_t len, const char *what,
                        const char *hint)
{
    *lx->col = col;
    *lx->len = len;
    err_set(lx->err, ST_ARG, "%s", what);
    return err_hint(lx->err, "syntax", "%s", hint), ST_ARG;
}

/* Reads one word: first its end, so that what it needs is known, then its text and parts. */
static enum status read_word(struct lexer *lx, struct token *t)
{
    const char *s = lx->line;
    int32_t max_parts = 1, word_end = lx->at;
    for (bool quote = false; word_end < lx->n; word_end++) {
        char c = s[word_end];
        if (!quote && (is_blank(c) || c == ';'))
            break;
        if (quote && c == '\\')
            word_end++;
        else if (c == '"')
            quote = !quote;
        max_parts += c == ',';
    }
    int32_t room = (word_end > lx->n ? lx->n : word_end) - lx->at + 1;
    /* text, then the parts, each with its NUL */
    char *buf = arena_raw(lx->mem, (size_t)room * 2 + 1);
    if (!buf)
        return err_nomem(lx->err, (unsigned long long)room * 2, "words");
    char *text = buf, *ptext = buf + room;
    struct lex_part *part = arena_alloc(lx->mem, sizeof *part * (size_t)max_parts);
    if (!part)
        return err_nomem(lx->err, sizeof *part * (unsigned long long)max_parts, "words");

    int32_t i = lx->at, nt = 0, np = 0, n_part = 0, key_end = -1;
    /* bare, in_part: characters of this part outside quotes; all */
    int32_t part_from = i, part_text = 0, bare = 0, in_part = 0;
    bool key_ok = true, any_quote = false, part_quote = false;
    *t = (struct token){.col = i, .value_col = i};
#define CLOSE_PART()                                                                           \
    do {                                                                                       \
        ptext[np++] = '\0';                                                                    \
        bool at_ = bare > 0 && s[part_from] == '@';                                            \
        part[n_part++] = (struct lex_part){ptext + part_text + at_, part_from, i - part_from,  \
                                           part_quote && !bare, at_};                          \
        part_text = np, part_from = i + 1, bare = in_part = 0, part_quote = false;             \
    } while (0)
    while (i < lx->n) {
        char c = s[i];
        if (is_blank(c) || c == ';')
            break;
        if (c == '"') {
            int32_t open = i++;
            any_quote = part_quote = true;
            key_ok = key_ok && key_end >= 0;
            while (i < lx->n && s[i] != '"') {
                c = s[i++];
                if (c == '\\' && i < lx->n) {
                    c = s[i++];
                    c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
                }
                text[nt++] = ptext[np++] = c;
                in_part++;
            }
            if (i >= lx->n && !lx->lenient)
                return fail(lx, open, lx->n - open, "this quote is never closed",
                            "Try: \"...\" around names with blanks");
            i += i < lx->n;
            continue;
        }
        if (c == '=' && key_ok && key_end < 0 && nt > 0 &&
            !(i + 1 < lx->n && s[i + 1] == '=')) {
            key_end = nt;
            text[nt++] = c;
            i++;
            t->value_col = part_from = i;
            np = part_text = n_part = bare = in_part = 0;
            part_quote = any_quote = false;
            continue;
        }
        if (c == ',') {
            text[nt++] = c;
            CLOSE_PART();
            i++;
            continue;
        }
        if (key_end < 0)
            key_ok = key_ok && is_key_char(c, nt == 0);
        text[nt++] = ptext[np++] = c;
        bare++, in_part++;
        i++;
    }
    CLOSE_PART();
#undef CLOSE_PART
    text[nt] = '\0';
    t->text = text;
    t->value = text;
    t->len = i - t->col;
    t->part = part;
    t->n_part = n_part;
    t->quoted = any_quote && key_end < 0 && n_part == 1 && part[0].quoted;
    if (key_end >= 0) {
        char *k = arena_alloc(lx->mem, (size_t)key_end + 1);
        if (!k)
            return err_nomem(lx->err, (unsigned long long)key_end, "words");
        memcpy(k, text, (size_t)key_end);
        t->key = k;
        t->value = text + key_end + 1;
        t->quoted = any_quote && n_part == 1 && part[0].quoted;
    }
    lx->at = i;
    return ST_OK;
}

enum status lex_line(const char *line, bool lenient, struct arena *mem, struct lexed *out,
                     int32_t *col, int32_t *len, struct err *err)
{
    size_t n = strlen(line);
    struct lexer lx = {
        .line = line, .lenient = lenient, .mem = mem, .col = col, .len = len, .err = err};
    *out = (struct lexed){.stamp = -1};
    *col = *len = 0;
    if (n > LINE_MAX_BYTES)
        return fail(&lx, 0, 0, "a line may have 65,536 bytes",
                    "Try: a script of shorter lines");
    lx.n = (int32_t)n;
    int32_t n_word = 1, n_cmd = 1;
    for (int32_t i = 0; i < lx.n; i++) {
        n_word += is_blank(line[i]) || line[i] == ';';
        n_cmd += line[i] == ';';
    }
    struct token *tok = arena_alloc(mem, sizeof *tok * (size_t)n_word * 1);
    struct lex_command *cmd = arena_alloc(mem, sizeof *cmd * (size_t)n_cmd);
    if (!tok || !cmd)
        return err_nomem(err, (sizeof *tok + sizeof *cmd) * (unsigned long long)n_word,
                         "words");
    out->command = cmd;

    int32_t first = 0, used = 0;
    bool line_start = true;
    for (;;) {
        while (lx.at < lx.n && is_blank(line[lx.at]))
            lx.at++;
        bool end = lx.at >= lx.n || line[lx.at] == '#';
        if (line_start && !end && line[lx.at] == '@' && line[lx.at + 1] >= '0' &&
            line[lx.at + 1] <= '9') {
            int32_t from = lx.at++;
            int64_t v = 0;
            while (lx.at < lx.n && line[lx.at] >= '0' && line[lx.at] <= '9' &&
                   v < INT64_MAX / 20)
                v = v * 10 + (line[lx.at++] - '0');
            if (lx.at < lx.n && !is_blank(line[lx.at]))
                return fail(&lx, from, lx.at + 1 - from, "a stamp is @ and a step number",
                            "Try: @1280 set lr 0.0005");
            out->stamp = v;
            line_start = false;
            continue;
        }
        if (end || line[lx.at] == ';') {
            if (used > first) {
                const struct token *last = &tok[used - 1];
                cmd[out->n++] = (struct lex_command){tok[first].col, last->col + last->len,
                                                     used - first, tok + first};
                if (out->n > COMMANDS_MAX)
                    return fail(&lx, tok[first].col, 1, "more than 256 commands in one line",
                                "Try: source FILE");
                first = used;
            }
            if (end)
                return ST_OK;
            lx.at++;
            line_start = false;
            continue;
        }
        line_start = false;
        enum status st = read_word(&lx, &tok[used]);
        if (st != ST_OK)
            return st;
        used++;
        if (used - first > WORDS_MAX)
            return fail(&lx, tok[used - 1].col, tok[used - 1].len,
                        "more than 4,096 words in one command", "Try: fewer items");
    }
}

bool lex_continues(const char *line)
{
    bool quote = false, word = false;
    for (const char *p = line; *p; p++) {
        if (!quote && *p == '#' && !word)
            return false;
        if (*p == '\\' && p[1]) {
            if (quote)
                p++;
            word = true;
            continue;
        }
        if (*p == '"')
            quote = !quote;
        word = !is_blank(*p) && *p != ';';
    }
    size_t n = strlen(line);
    return n > 0 && line[n - 1] == '\\';
}
