/*
 * What this machine can do, for run.py: streams through memory, and the rate at which it works off vector instructions.
 * Plain C for the compiler's own vectors; as a shared library it is timed among the losses, as a program counted by callgrind.
 *     cc -O3 -march=native -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math -shared -fPIC limits.c
 */
#include <stddef.h>
#include <stdio.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

/* Reads 1: sixty-four sums side by side, so that no addition waits for another. */
double read1(const float *a, ptrdiff_t n)
{
    float lane[64] = { 0 };
    for (ptrdiff_t i = 0; i + 64 <= n; i += 64)
        for (int l = 0; l < 64; l++) lane[l] += a[i + l];
    double sum = 0;
    for (int l = 0; l < 64; l++) sum += (double)lane[l];
    return sum;
}

/* The plain sum in double of f32 values: exact sums are held against it. */
double sum_in_double(const float *a, ptrdiff_t n)
{
    double lane[64] = { 0 }, sum = 0;
    for (ptrdiff_t i = 0; i + 64 <= n; i += 64)
        for (int l = 0; l < 64; l++) lane[l] += (double)a[i + l];
    for (int l = 0; l < 64; l++) sum += lane[l];
    return sum;
}

double read2(const float *a, const float *b, ptrdiff_t n)
{
    float lane[64] = { 0 };
    for (ptrdiff_t i = 0; i + 64 <= n; i += 64)
        for (int l = 0; l < 64; l++) lane[l] += a[i + l] - b[i + l];
    double sum = 0;
    for (int l = 0; l < 64; l++) sum += (double)lane[l];
    return sum;
}

void read1_write1(const float *a, float *g, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) g[i] = 2 * a[i];
}

void read2_write1(const float *a, const float *b, float *g, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) g[i] = a[i] - b[i];
}

void read2_write2(const float *a, const float *b, float *g, float *h, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        g[i] = a[i] - b[i];
        h[i] = a[i] + b[i];
    }
}

/* The same with stores that go round the caches: `g` must be 64-byte aligned and n a multiple of 16. */
void read2_write1_past_the_cache(const float *a, const float *b, float *g, ptrdiff_t n)
{
#if defined __AVX512F__
    for (ptrdiff_t i = 0; i < n; i += 16) _mm512_stream_ps(g + i, _mm512_sub_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    _mm_sfence();
#elif defined __AVX__
    for (ptrdiff_t i = 0; i < n; i += 8) _mm256_stream_ps(g + i, _mm256_sub_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    _mm_sfence();
#else
    read2_write1(a, b, g, n);
#endif
}

/* A polynomial of degree 12, by Estrin's scheme: the mixture that exp and log are made of. In L1 only the rate of issue limits it. */
__attribute__((noinline)) void polynomial(const float *a, float *g, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        float x = a[i], x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;
        float low = (1 + x) + x2 * (0.5F + 0.1666F * x) + x4 * ((0.0416F + 0.00833F * x) + x2 * (0.00138F + 0.000198F * x));
        float high = (2.5e-5F + 2.8e-6F * x) + x2 * (2.8e-7F + 2.5e-8F * x) + 2.1e-9F * x4;
        g[i] = low + x8 * high;
    }
}

#if defined LIMITS_MAIN
int main(void)
{
    static float a[4096], g[4096];
    polynomial(a, g, 4096);
    return g[0] == 0;
}
#endif
