/*
 * Numbers as text, correctly rounded both ways and deaf to the locale: Python's 0.1 and a spec's 0.1 are the same double,
 * and what is printed reads back to the same bits.
 */
#ifndef LIBLOSS_ENGINE_NUMBER_H
#define LIBLOSS_ENGINE_NUMBER_H

#include <stdint.h>

/* The longest prefix of text that is a number: decimal, hexadecimal (0x1.8p3), inf, infinity or nan, with an optional sign.
 * Returns how many characters it has; 0: there is none. */
int64_t libloss__read_number(const char *text, int64_t length, double *out);

/* As few digits as read back to x: "2", "0.1", "1e-8", "1.5e300", "inf", "nan". Returns the length. */
int libloss__print_number(double x, char out[32]);
int libloss__print_integer(int64_t x, char *out); /* at most 20 characters, no end mark counted but one written */

#endif
