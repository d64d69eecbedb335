/* Output heads against numbers of the authors' own programs. */
#include "engine/train/heads_work.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { LD = 16 };

/* The authors' losses: row i has its target in column i, loss = sum of rows / 3, slopes by
 * the raw scores. */
static const struct {
    const char *name;
    struct head hd;
    double loss, grad[3][5];
} official[] = {
    {"xe",
     {.loss = HEAD_XENT},
     1.16557,
     {{-0.177619, 0.0347447, 0.0699672, 0.051833, 0.0210737},
      {0.0487997, -0.235063, 0.0242332, 0.120028, 0.0420023},
      {0.0269765, 0.0989849, -0.260004, 0.0444768, 0.0895653}}},
    {"xe_logq",
     {.loss = HEAD_XENT, .logq = 1},
     1.80684,
     {{-0.296812, 0.0325962, 0.131281, 0.0153775, 0.117557},
      {0.00910496, -0.259993, 0.0361711, 0.0283272, 0.18639},
      {0.00281353, 0.0412947, -0.27215, 0.00586758, 0.222174}}},
    {"bpr",
     {.loss = HEAD_BPR},
     2.42789,
     {{-0.287131, 0.0608085, 0.103342, 0.0832466, 0.0397343},
      {0.110604, -0.459632, 0.0659387, 0.183278, 0.099811},
      {0.0896471, 0.191481, -0.590253, 0.125847, 0.183278}}},
    {"bpr_mean_negatives",
     {.loss = HEAD_BPR, .neg_only = true},
     0.433685,
     {{-0.0717828, 0.0152021, 0.0258355, 0.0208117, 0.00993358},
      {0.027651, -0.114908, 0.0164847, 0.0458195, 0.0249527},
      {0.0224118, 0.0478702, -0.147563, 0.0314617, 0.0458195}}},
    {"top1",
     {.loss = HEAD_TOP1},
     0.823675,
     {{-0.0436946, -3.66805e-05, 0.027509, 0.0158246, -0.0171126},
      {0.0214449, -0.0558458, -0.00582995, 0.0424521, 0.0156515},
      {-0.00887949, 0.035663, -0.0615727, 0.00900291, 0.03291}}},
    {"top1_paper",
     {.loss = HEAD_TOP1, .neg_only = true},
     0.904593,
     {{-0.0546183, -4.58505e-05, 0.0343863, 0.0197807, -0.0213907},
      {0.0268061, -0.0698073, -0.00728743, 0.0530651, 0.0195644},
      {-0.0110994, 0.0445787, -0.0769659, 0.0112536, 0.0411376}}},
    {"top1_max",
     {.loss = HEAD_TOP1_MAX},
     0.974758,
     {{-0.0601913, -0.00519577, 0.0628341, 0.0199961, -0.0105506},
      {0.00645835, -0.0754192, -0.0136636, 0.150932, -0.00210405},
      {-0.0108672, 0.0797393, -0.0796434, -0.002708, 0.0614991}}},
    {"bpr_max_reg1_linear",
     {.loss = HEAD_BPR_MAX, .bpreg = 1},
     0.872899,
     {{-0.0797058, -0.036164, 0.153642, 0.0296814, -0.0453548},
      {0.000907649, -0.130831, -0.0521876, 0.579738, -0.0239001},
      {-0.0436116, 0.24321, -0.159474, -0.0237592, 0.179515}}},
    {"bpr_max_reg1.95_elu0.5",
     {.loss = HEAD_BPR_MAX, .bpreg = 1.95f, .act = ACT_ELU, .act_a = 0.5f},
     1.10125,
     {{-0.0826793, -0.0116798, 0.245182, 0.0443231, -0.012875},
      {-0.00696446, -0.131512, -0.0252466, 1.00324, -0.0482234},
      {-0.0136664, 0.382577, -0.163511, -0.0116115, 0.277173}}},
};

static void test_official_losses(void **state)
{
    (void)state;
    static const double scores[3][5] = {
        {1.2, -0.3, 0.4, 0.1, -0.8}, {0.2, 0.9, -0.5, 1.1, 0.05}, {-0.7, 0.6, 0.3, -0.2, 0.5}};
    static const int32_t target[3] = {1, 2, 3}, col[5] = {1, 2, 3, 4, 5}, own[3] = {0, 1, 2};
    static const float weight[3] = {1 / 3.0f, 1 / 3.0f, 1 / 3.0f};
    const float logpop[6] = {0, logf(40), logf(10), logf(5), logf(100), logf(2)};
    float logq[6];
    for (int i = 0; i < 6; i++)
        logq[i] = 0.75f * logpop[i];
    struct arena *mem;
    assert_int_equal(arena_new(&mem, 1 << 20, NULL), ST_OK);
    real *table = arena_alloc(mem, 6 * LD * sizeof(real)),
         *h = arena_alloc(mem, 3 * LD * sizeof(real));
    real *gtable = arena_alloc(mem, 6 * LD * sizeof(real)),
         *gh = arena_alloc(mem, 3 * LD * sizeof(real));
    /* states are unit vectors: scores are the table, slopes by them its gradient */
    for (int i = 0; i < 3; i++) {
        h[i * LD + i] = 1;
        for (int k = 0; k < 5; k++)
            table[(k + 1) * LD + i] = (real)scores[i][k];
    }
    struct block b = {.n = 3,
                      .n_query = 3,
                      .n_target = 1,
                      .n_neg = 2,
                      .target = target,
                      .weight = weight,
                      .col = col,
                      .n_col = 5,
                      .query_col = own,
                      .logq = logq,
                      .logpop = logpop};
    for (unsigned k = 0; k < sizeof official / sizeof *official; k++) {
        struct head hd = official[k].hd;
        hd.cols = COLS_BATCH;
        hd.n_items = 5;
        memset(gtable, 0, 6 * LD * sizeof(real));
        struct head_job j = {.hd = &hd,
                             .b = &b,
                             .table = table,
                             .ld = LD,
                             .h = h,
                             .ldh = LD,
                             .d = 3,
                             .gh = gh,
                             .gtable = gtable,
                             .mem = mem};
        bool ok;
        double loss = head_compute(&j, &ok);
        assert_true(ok);
        if (!(fabs(loss - official[k].loss) < 2e-5))
            fail_msg("%s: loss %.7g, should be %.7g", official[k].name, loss, official[k].loss);
        for (int i = 0; i < 3; i++)
            for (int c = 0; c < 5; c++)
                if (!(fabs((double)gtable[(c + 1) * LD + i] - official[k].grad[i][c]) < 6e-6))
                    fail_msg("%s: slope (%d,%d) %.7g, should be %.7g", official[k].name, i, c,
                             (double)gtable[(c + 1) * LD + i], official[k].grad[i][c]);
    }
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_official_losses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
