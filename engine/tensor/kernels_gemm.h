/* The matrix product of the own kernels.  Included by kernels.c only, once for each
 * processor level.
 *
 * A tile of MR rows by a few vectors of columns stays in registers while k runs; A is read
 * by single numbers with any strides, B by whole vectors, nothing is packed.  Every element
 * of C is one chain of fused multiply-adds over rising k beginning with C (or 0), whatever
 * the tile: so a row's bits do not depend on its neighbours, on the number of rows, or on
 * where the columns are cut. */
#ifndef ENGINE_TENSOR_KERNELS_GEMM_H
#define ENGINE_TENSOR_KERNELS_GEMM_H

#include "engine/tensor/vec.h"

/* Columns are worked in groups of TENSOR_ROW, VPG vectors each.  GROUPS(mr): groups in a
 * tile of mr rows, so that accumulators fit the registers (32 zmm: 6 x 4; 16 ymm: 6 x 2; 16
 * xmm: 3 x 4). */
#define VPG (TENSOR_ROW / VW)
#if VEC_BYTES == 64
#define MR         6
#define GROUPS(mr) ((mr) <= 3 ? 8 : 4)
#elif VEC_BYTES == 32
#define MR         6
#define GROUPS(mr) ((mr) == 1 ? 4 : (mr) <= 3 ? 2 : 1)
#else
#define MR         3
#define GROUPS(mr) ((mr) == 1 ? 2 : 1)
#endif
enum { MAX_VECTORS = 8 };

enum edge { EDGE_NONE, EDGE_TAIL, EDGE_HEAD }; /* the triangle of GEMM_K_LE, of GEMM_K_GE */

struct mat { /* what a tile reads and writes */
    const real *a, *b;
    real *c;
    size_t rs, cs, ldb, ldc;
};

/* Rows 0..mr-1, vectors 0..nv-1.  k runs over k0..k1-1; EDGE_TAIL: then row r goes on to k =
 * k1 .. k1+r-1; EDGE_HEAD: before that row r reads k = k0-mr+1+r .. k0-1. */
INLINE void tile(const int mr, const int nv, const enum edge edge, struct mat m, size_t k0,
                 size_t k1, int accumulate)
{
    vr c[MR][MAX_VECTORS], b[MAX_VECTORS];
    for (int r = 0; r < mr; r++)
        for (int j = 0; j < nv; j++)
            c[r][j] = accumulate ? vload(m.c + (size_t)r * m.ldc + j * VW) : (vr){0};
    if (edge == EDGE_HEAD)
        for (int t = 0; t < mr - 1; t++) {
            size_t k = k0 - (size_t)(mr - 1) + (size_t)t;
            for (int j = 0; j < nv; j++)
                b[j] = vload(m.b + k * m.ldb + j * VW);
            for (int r = 0; r <= t; r++)
                for (int j = 0; j < nv; j++)
                    c[r][j] += m.a[(size_t)r * m.rs + k * m.cs] * b[j];
        }
    for (size_t k = k0; k < k1; k++) {
        const real *ak = m.a + k * m.cs;
        for (int j = 0; j < nv; j++)
            b[j] = vload(m.b + k * m.ldb + j * VW);
        for (int r = 0; r < mr; r++) {
            real x = ak[(size_t)r * m.rs];
            for (int j = 0; j < nv; j++)
                c[r][j] += x * b[j];
        }
    }
    if (edge == EDGE_TAIL)
        for (int t = 1; t < mr; t++) {
            size_t k = k1 + (size_t)t - 1;
            for (int j = 0; j < nv; j++)
                b[j] = vload(m.b + k * m.ldb + j * VW);
            for (int r = t; r < mr; r++)
                for (int j = 0; j < nv; j++)
                    c[r][j] += m.a[(size_t)r * m.rs + k * m.cs] * b[j];
        }
    for (int r = 0; r < mr; r++)
        for (int j = 0; j < nv; j++)
            vstore(m.c + (size_t)r * m.ldc + j * VW, c[r][j]);
}

/* One function a shape, so that each gets its own registers. */
#define TILE(mr, g, edge)                                                                      \
    static void tile_##mr##x##g##_##edge(const struct mat *m, size_t k0, size_t k1,            \
                                         int accumulate)                                       \
    {                                                                                          \
        tile(mr, (g)*VPG, EDGE_##edge, *m, k0, k1, accumulate);                                \
    }
typedef void tile_fn(const struct mat *m, size_t k0, size_t k1, int accumulate);
#define TILE3(mr, g) TILE(mr, g, NONE) TILE(mr, g, TAIL) TILE(mr, g, HEAD)
#define REF(mr, g)                                                                             \
    {                                                                                          \
        tile_##mr##x##g##_NONE, tile_##mr##x##g##_TAIL, tile_##mr##x##g##_HEAD                 \
    }
// clang-format off
#if VEC_BYTES == 64
#define ROW4(mr) TILE3(mr, 1) TILE3(mr, 2) TILE3(mr, 3) TILE3(mr, 4)
#define ROW8(mr) ROW4(mr) TILE3(mr, 5) TILE3(mr, 6) TILE3(mr, 7) TILE3(mr, 8)
ROW8(1) ROW8(2) ROW8(3) ROW4(4) ROW4(5) ROW4(6)
#define REF4(mr) REF(mr, 1), REF(mr, 2), REF(mr, 3), REF(mr, 4)
#define REF8(mr) REF4(mr), REF(mr, 5), REF(mr, 6), REF(mr, 7), REF(mr, 8)
static tile_fn *const tiles[MR][8][3] = {{REF8(1)}, {REF8(2)}, {REF8(3)}, {REF4(4)}, {REF4(5)}, {REF4(6)}};
#elif VEC_BYTES == 32
TILE3(1, 1) TILE3(1, 2) TILE3(1, 3) TILE3(1, 4) TILE3(2, 1) TILE3(2, 2) TILE3(3, 1) TILE3(3, 2) TILE3(4, 1) TILE3(5, 1) TILE3(6, 1)
static tile_fn *const tiles[MR][4][3] = {{REF(1, 1), REF(1, 2), REF(1, 3), REF(1, 4)}, {REF(2, 1), REF(2, 2)},
                                         {REF(3, 1), REF(3, 2)}, {REF(4, 1)}, {REF(5, 1)}, {REF(6, 1)}};
#else
TILE3(1, 1) TILE3(2, 1) TILE3(3, 1)
static tile_fn *const tiles[MR][1][3] = {{REF(1, 1)}, {REF(2, 1)}, {REF(3, 1)}};
#undef GROUPS
#define GROUPS(mr) 1
#endif
// clang-format on

/* Rows i..i+mr-1 of the product, column groups 0..ng-1. */
static void band(enum gemm_part part, size_t i, int mr, int ng, size_t k,
                 const struct mat *whole, int accumulate)
{
    struct mat m = *whole;
    size_t k0 = 0, k1 = k;
    int edge = EDGE_NONE;
    m.a += i * m.rs;
    m.c += i * m.ldc;
    if (part == GEMM_K_LE && i + (size_t)mr <= k) {
        k1 = i + 1;
        edge = mr > 1 ? EDGE_TAIL : EDGE_NONE;
    } else if (part == GEMM_K_GE && i + (size_t)mr <= k) {
        k0 = i + (size_t)mr - 1;
        edge = mr > 1 ? EDGE_HEAD : EDGE_NONE;
    }
    int most = GROUPS(mr);
    for (int left = ng; left > 0;) { /* cut evenly: 5 groups as 3 + 2, not 4 + 1 */
        int cuts = (left + most - 1) / most, g = (left + cuts - 1) / cuts;
        tiles[mr - 1][g - 1][edge](&m, k0, k1, accumulate);
        m.b += g * TENSOR_ROW;
        m.c += g * TENSOR_ROW;
        left -= g;
    }
}

static void gemm_own(enum gemm_part part, int32_t m, int32_t n, int32_t k, const real *a,
                     size_t rs, size_t cs, const real *b, size_t ldb, real *c, size_t ldc,
                     int accumulate)
{
    const int groups = (n + TENSOR_ROW - 1) / TENSOR_ROW;
    struct mat whole = {.a = a, .b = b, .c = c, .rs = rs, .cs = cs, .ldb = ldb, .ldc = ldc};
    /* a panel of B's columns stays in the cache while the rows go by */
    if (part == GEMM_FULL) {
        int most = GROUPS(m < MR ? m : MR);
        for (int left = groups; left > 0;) {
            int cuts = (left + most - 1) / most, g = (left + cuts - 1) / cuts;
            for (int32_t i = 0; i < m; i += MR)
                band(part, (size_t)i, m - i < MR ? m - i : MR, g, (size_t)k, &whole,
                     accumulate);
            whole.b += g * TENSOR_ROW;
            whole.c += g * TENSOR_ROW;
            left -= g;
        }
        return;
    }
    for (int32_t i = 0; i < m;) {
        int mr = m - i < MR ? m - i : MR, ng = groups;
        if (part == GEMM_COLS_LE) {
            int need = (i + mr + TENSOR_ROW - 1) / TENSOR_ROW;
            ng = need < groups ? need : groups;
        } else if (i + mr > k) { /* the triangle is cut off by the last k: row by row */
            mr = 1;
            if (i >= k && part == GEMM_K_LE) { /* the whole row of A */
                band(GEMM_FULL, (size_t)i, mr, ng, (size_t)k, &whole, accumulate);
                i++;
                continue;
            }
            if (i >= k && part == GEMM_K_GE) { /* nothing to sum */
                band(GEMM_FULL, (size_t)i, mr, ng, 0, &whole, accumulate);
                i++;
                continue;
            }
        }
        band(part, (size_t)i, mr, ng, (size_t)k, &whole, accumulate);
        i += mr;
    }
}

#endif
