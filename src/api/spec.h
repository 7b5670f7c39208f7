/*
 * A spec's text as a flat list: "0.7*huber(delta=2) + 0.3*quantile(tau=[0.1, 0.9])". Nothing is looked up here.
 *
 *     spec    := [sign] term (sign term)*
 *     term    := [number '*'] loss ['*' number | '/' number]
 *     loss    := name ['(' [setting (',' setting)*] ')' | ':' setting (',' setting)*]
 *     setting := name '=' (number | word | '[' [number (',' number)*] ']')
 *
 * The form with a colon is for shells, where parentheses need quotes.
 */
#ifndef LIBLOSS_API_SPEC_H
#define LIBLOSS_API_SPEC_H

#include "../engine/message.h"

enum { SPEC_TERMS = 16, SPEC_SETTINGS = 64, SPEC_VALUES = 256, SPEC_LENGTH = 65536 };

typedef struct {
    const char *text;
    int64_t length, column; /* column counts from 1 */
} spec_word;

typedef struct {
    spec_word name, word; /* word.text NULL: the value is numbers */
    int64_t column; /* of the value */
    int32_t first, count; /* in values[] */
} spec_setting;

typedef struct {
    double factor;
    spec_word name;
    int32_t first, count; /* in settings[] */
} spec_term;

typedef struct {
    int32_t terms, settings, values;
    spec_term term[SPEC_TERMS];
    spec_setting setting[SPEC_SETTINGS];
    double value[SPEC_VALUES];
} spec;

libloss_status libloss__parse_spec(libloss__sink sink, const char *text, spec *out);

#endif
