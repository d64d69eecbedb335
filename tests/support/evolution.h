/* What a preference that evolves (PEN4Rec) shows on the test sessions of the world drift,
 * where the switch of interest and the odd clicks are known.  Errors fail the test. */
#ifndef TESTS_SUPPORT_EVOLUTION_H
#define TESTS_SUPPORT_EVOLUTION_H

#include "tests/support/planted.h"

struct evolution {
    double interest; /* right after an odd click: odds on the department of the interest */
    /* prefixes with three clicks or more after the switch: share on clicks after it, lanes
     * weighed by beta */
    double attention_b, memory_b;
    double even_b; /* the same if every click had the same share */
    /* an odd click after the switch over the mean of its two neighbours */
    double odd_attention, odd_memory;
    /* sessions whose best split of the replayed session vectors lies within one click of the
     * switch */
    double turning;
};
/* head=srgnn has neither attention nor memory of this kind: 0 there. */
struct evolution evolution_on_drift(struct planted *p);

#endif
