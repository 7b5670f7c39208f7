/*
 * The middle of the absolute errors: half of all cases may be wild, and it does not move.
 */
#include "functions.h"
#include "../kernel/order.h"
#include "outputs.h"

enum { AVERAGE };
enum { AVERAGE_UNIFORM, AVERAGE_NONE };

METRIC(median_absolute_error) = {
    .title = "Median absolute error",
    .aliases = "",
    .formula = "median of |p - t|; weighted: the mean of the lower and the upper weighted median",
    .input = { OUTPUT_INPUTS },
    .param = { CHOICE(average, 0, "uniform none", "uniform: mean over the outputs; none: one number per output") },
    .cite = "Hampel 1974, doi:10.1080/01621459.1974.10482962",
};

static double middle(double a, double b) { return a + b <= 0x1.fffffffffffffp1023 ? (a + b) / 2 : a / 2 + b / 2; }

/* ---- by sorting ---- */

/* Twice this sum less that one: below, at or above 0. */
static double from_half(pair sum, pair all)
{
    const pair apart = two_diff(2 * sum.hi, all.hi);
    return apart.hi + (apart.lo + (2 * sum.lo - all.lo));
}

static double heaviest(const metric_cases *c)
{
    double most = 0;
    for (int64_t i = 0; c->weight && i < c->count; i++) most = c->weight[i] > most ? c->weight[i] : most;
    return most;
}

static double middle_of_sorted(const metric_cases *c, double *work)
{
    const int64_t n = c->count;
    const double scale = heaviest(c) > 0x1p900 ? 0x1p-100 : 1; /* for sums that do not overflow */
    double *error = work + ORDER_WORK * n;
    pair all = { 0, 0 }, below = { 0, 0 };
    for (int64_t i = 0; i < n; i++) error[i] = abs_(c->prediction[i] - c->target[i]);
    const ranked *order = order_of(error, c->weight, n, work);
    for (int64_t i = 0; i < n; i++) add_to(&all, c->weight ? c->weight[order[i].item] * scale : 1);
    for (int64_t i = 0;; i++) {
        const double here = error[order[i].item];
        add_to(&below, c->weight ? c->weight[order[i].item] * scale : 1);
        const double apart = i + 1 < n ? from_half(below, all) : 1;
        if (apart >= 0) return apart > 0 ? here : middle(here, error[order[i + 1].item]);
    }
}

/* ---- by selection: of many errors only those are looked at further that have the leading bits of the middle one ---- */

enum {
    FEW = 48,
    SORTED = 2048,
    DIGIT = 14,
    BINS = 1 << DIGIT,
    DIGITS = 63
}; /* errors; bits of a digit, and of an error without its sign */

/* A sum of weights, as an integer of 128 bits. The largest weight has 86 bits, so that as many of them as memory holds do not overflow; what is
 * below the unit is lost. Without weights each counts 1. */
typedef struct {
    uint64_t high, low;
} mass;

static inline mass add_mass(mass a, mass b)
{
    const uint64_t low = a.low + b.low;
    return (mass){ a.high + b.high + (low < a.low), low };
}

static inline mass twice(mass a) { return (mass){ a.high << 1 | a.low >> 63, a.low << 1 }; }
static inline int at_least(mass a, mass b) { return a.high > b.high || (a.high == b.high && a.low >= b.low); }
static inline int same_mass(mass a, mass b) { return a.high == b.high && a.low == b.low; }

/* |a - b| <= distance */
static int close_to(mass a, mass b, uint64_t distance)
{
    const mass reach = { 0, distance };
    return at_least(add_mass(a, reach), b) && at_least(add_mass(b, reach), a);
}

/* The candidates that are left, and what was put aside. */
typedef struct {
    const metric_cases *from; /* the errors before any was put aside; then NULL, and the keys are there */
    uint64_t *key; /* the bits of an error that is not below 0 have its order */
    const double *weight; /* NULL: there are none */
    double *room; /* for weights */
    int64_t count;
    double scale[2]; /* a weight in units is its product with both */
    int64_t lost; /* how many weights were no whole number of units, at the first look */
    mass below; /* of what is smaller than every candidate */
} candidates;

static inline uint64_t key_of(const metric_cases *from, const uint64_t *key, int64_t i)
{
    return from ? double_to_bits(abs_(from->prediction[i] - from->target[i])) : key[i];
}

static inline mass mass_of(candidates *c, double w)
{
    const double x = w * c->scale[0] * c->scale[1];
    const uint64_t high = (uint64_t)(int64_t)(x * 0x1p-62);
    const double rest = x - (double)high * 0x1p62;
    const uint64_t low = (uint64_t)(int64_t)rest;
    c->lost += (double)low != rest || x == 0;
    return (mass){ high >> 2, high << 62 | low };
}

static void fill_bins(candidates *c, int shift, mass *bins)
{
    const metric_cases *from = c->from;
    const uint64_t *key = c->key;
    memset(bins, 0, BINS * sizeof *bins);
    if (!c->weight) { /* two tables: an addition need not wait for the one before it */
        uint64_t *count = (uint64_t *)(void *)bins;
        for (int64_t i = 0; i + 1 < c->count; i += 2) {
            count[2 * (key_of(from, key, i) >> shift & (BINS - 1))]++;
            count[2 * (key_of(from, key, i + 1) >> shift & (BINS - 1)) + 1]++;
        }
        if (c->count % 2) count[2 * (key_of(from, key, c->count - 1) >> shift & (BINS - 1))]++;
        for (int b = 0; b < BINS; b++) bins[b] = (mass){ 0, bins[b].high + bins[b].low };
        return;
    }
    for (int64_t i = 0; i < c->count; i++) {
        mass *bin = &bins[key_of(from, key, i) >> shift & (BINS - 1)];
        *bin = add_mass(*bin, mass_of(c, c->weight[i]));
    }
}

/* Only candidates of this digit stay. */
static void keep(candidates *c, int shift, uint64_t digit)
{
    const metric_cases *from = c->from;
    const double *weight = c->weight;
    int64_t to = 0;
    for (int64_t i = 0; i < c->count; i++) {
        const uint64_t key = key_of(from, c->key, i);
        c->key[to] = key;
        if (weight) c->room[to] = weight[i];
        to += (key >> shift & (BINS - 1)) == digit;
    }
    c->from = NULL;
    if (weight) c->weight = c->room;
    c->count = to;
}

static void sort_few(candidates *c)
{
    for (int64_t i = 1; i < c->count; i++) {
        const uint64_t key = c->key[i];
        const double weight = c->weight ? c->room[i] : 0;
        int64_t j = i;
        for (; j > 0 && c->key[j - 1] > key; j--) {
            c->key[j] = c->key[j - 1];
            if (c->weight) c->room[j] = c->room[j - 1];
        }
        c->key[j] = key;
        if (c->weight) c->room[j] = weight;
    }
}

/* The least error that is above this one. */
static double next_above(const metric_cases *c, double error)
{
    enum { ASIDE = 8 }; /* so many minima at once */
    double least[ASIDE], x[ASIDE];
    for (int l = 0; l < ASIDE; l++) least[l] = INFINITE;
    for (int64_t i = 0; i < c->count; i += ASIDE) {
        const int64_t at = i + ASIDE <= c->count ? i : c->count - ASIDE;
        for (int l = 0; l < ASIDE; l++) x[l] = abs_(c->prediction[at + l] - c->target[at + l]);
        for (int l = 0; l < ASIDE; l++) x[l] = x[l] > error ? x[l] : INFINITE;
        for (int l = 0; l < ASIDE; l++) least[l] = x[l] < least[l] ? x[l] : least[l];
    }
    for (int l = 1; l < ASIDE; l++) least[0] = least[l] < least[0] ? least[l] : least[0];
    return least[0];
}

/* Exactly what sorting finds. 0: weights are so far apart that the units do not tell. */
static int select_middle(const metric_cases *c, double *work, double *value)
{
    mass *bins = (mass *)(void *)work, all = { 0, 0 };
    candidates left = { .from = c, .key = (uint64_t *)(void *)(bins + BINS), .weight = c->weight, .count = c->count };
    left.room = (double *)(void *)(left.key + c->count);
    if (c->weight) {
        const double up = 85 - parts_of(heaviest(c)).e, half = round_(0.5 * up);
        left.scale[0] = power_of_two(half), left.scale[1] = power_of_two(up - half);
    }
    int64_t lost = 0;
    for (int shift = DIGITS - DIGIT, first = 1; first || (left.count > FEW && shift >= 0); first = 0) {
        fill_bins(&left, shift, bins);
        if (first) lost = left.lost;
        for (int b = 0; first && b < BINS; b++) all = add_mass(all, bins[b]);
        int b = 0;
        for (mass next; b < BINS - 1 && !at_least(twice(next = add_mass(left.below, bins[b])), all); b++) left.below = next;
        keep(&left, shift, (uint64_t)b);
        shift =
            shift > DIGIT || shift == 0 ? shift - DIGIT : 0; /* the last digit shares bits with the one before, which are alike by then */
    }
    if (left.count <= FEW) sort_few(&left); /* else all are equal */
    const uint64_t doubt = lost ? 3 * (uint64_t)c->count : 0;
    for (int64_t i = 0; i < left.count; i++) {
        const mass before = left.below;
        left.below = add_mass(before, left.weight ? mass_of(&left, left.weight[i]) : (mass){ 0, 1 });
        if (!at_least(twice(left.below), all) && i + 1 < left.count) continue;
        if (doubt && (close_to(twice(left.below), all, doubt) || close_to(twice(before), all, doubt))) return 0;
        *value = bits_to_double(left.key[i]);
        if (same_mass(twice(left.below), all))
            *value = middle(*value, i + 1 < left.count ? bits_to_double(left.key[i + 1]) : next_above(c, *value));
        return 1;
    }
    return 0;
}

static void see_median_absolute_error(const metric_cases *c, double *value)
{
    int64_t nan = 0;
    for (int64_t i = 0; i < c->count; i++) {
        const double r = c->prediction[i] - c->target[i];
        nan |= r != r;
    }
    *value = (double)__builtin_nanf("");
    if (c->count == 0 || nan) return;
    if (c->count <= SORTED || !select_middle(c, c->work, value)) *value = middle_of_sorted(c, c->work);
}

static void mean_of_outputs(const double *of_output, int64_t outputs, const double *param, double *values)
{
    pair sum = { 0, 0 };
    for (int64_t g = 0; g < outputs; g++) {
        if (param[AVERAGE] == AVERAGE_NONE) values[g] = of_output[g];
        add_to(&sum, of_output[g]);
    }
    if (param[AVERAGE] == AVERAGE_UNIFORM) values[0] = close_sum(sum) / (double)outputs;
}

static int64_t median_work(int64_t count, int64_t width) { return (ORDER_WORK + 1) * count * width + (count > SORTED ? 2 * BINS : 0); }

SEES(median_absolute_error, GIVES_AVERAGE, .kind_of_case = CASE_OUTPUT, .see = see_median_absolute_error, .work = median_work,
     .close = mean_of_outputs)
