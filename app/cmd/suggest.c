/* Edit distance for "did you mean"; see suggest.h. */
#include "app/cmd/suggest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 48 };

static int lower(char c)
{
    return tolower((unsigned char)c);
}

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

/* Optimal string alignment: three rows are enough, as a swap reaches two rows back. */
int edit_distance(const char *a, const char *b, int limit)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > WORD_MAX || nb > WORD_MAX)
        return limit + 1;
    int row[3][WORD_MAX + 1];
    for (size_t j = 0; j <= nb; j++)
        row[0][j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        int *now = row[i % 3], *one = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = (int)i;
        int best = now[0];
        for (size_t j = 1; j <= nb; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]);
            now[j] = min3(one[j] + 1, now[j - 1] + 1, one[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && two[j - 2] + 1 < now[j])
                now[j] = two[j - 2] + 1;
            if (now[j] < best)
                best = now[j];
        }
        if (best > limit)
            return limit + 1;
    }
    int d = row[na % 3][nb];
    return d > limit ? limit + 1 : d;
}

void suggest_begin(struct suggest *s, const char *word)
{
    size_t n = strlen(word);
    s->word = word;
    s->pick = NULL;
    s->distance = n <= 2 ? 2 : n <= 5 ? 3 : 4; /* one more than what is accepted: 1, 2, 3 */
}

void suggest_add(struct suggest *s, const char *candidate)
{
    size_t nw = strlen(s->word), nc = strlen(candidate);
    int d = edit_distance(s->word, candidate, s->distance - 1);
    /* A beginning, an end or a long middle of a word is as good as two slips:
     * "learning_rate" is not found that way, but "mask" finds mask.prob. */
    if (d >= 2 && nw >= 3 && nc > nw && strncmp(s->word, candidate, nw) == 0)
        d = 2;
    if (d < s->distance && (size_t)d < (nw > nc ? nw : nc)) {
        s->distance = d;
        s->pick = candidate;
    }
}
