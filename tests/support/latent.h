/* A trained SVAE's latent space on a generated world whose hidden truth is a class of each
 * session.  Errors fail the test. */
#ifndef TESTS_SUPPORT_LATENT_H
#define TESTS_SUPPORT_LATENT_H

#include "tests/support/planted.h"

struct latent_look {
    double nearest,
        nearest2; /* share of test sessions whose last mean lies nearest to that of its class (classes of the
                               * training sessions); the same in the first two principal components of the training means */
    double kl;      /* nats a step, over all steps of the test sessions */
    int live, dims; /* dimensions above .01 of these */
};
struct latent_look latent_look(struct planted *p);
/* Means over the test events asked of NDCG@10 with the next 4 items as the set of right
 * answers, by the model and by the odds of the next item. */
double latent_ndcg4(struct planted *p, double *oracle);
/* Log loss when every test session is shuffled (`seed`) less that before. */
double latent_order(struct planted *p, uint64_t seed);

#endif
