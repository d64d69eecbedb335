/* SHA-256 (FIPS 180-4), for saying "the same bits" of parameters and files.  No secrets pass
 * through here. */
#ifndef ENGINE_BASE_SHA256_H
#define ENGINE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    uint32_t h[8];
    uint64_t n;        /* bytes so far */
    uint8_t block[64]; /* the unfinished block: n % 64 bytes */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t n);
void sha256_done(struct sha256 *s, uint8_t out[32]);
void sha256_hex(const uint8_t digest[32], char hex[65]); /* 64 lower-case digits and a NUL */

#endif
