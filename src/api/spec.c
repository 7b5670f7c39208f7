/*
 * Recursive descent over the text; every error names the column and what was expected there.
 */
#include "spec.h"

#include <string.h>

#include "../engine/number.h"

typedef struct {
    libloss__sink sink;
    const char *text, *at;
    int64_t length;
    spec *out;
} parser;

static int64_t column(const parser *p) { return p->at - p->text + 1; }

static void skip_spaces(parser *p)
{
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n') p->at++;
}

static libloss_status expected(const parser *p, const char *what)
{
    const char c = *p->at;
    if (c == 0) return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: expected %s, found the end", column(p), what);
    if ((unsigned char)c < 32 || (unsigned char)c > 126)
        return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: expected %s, found a byte of value %d", column(p), what,
                             (int64_t)(unsigned char)c);
    return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: expected %s, found \"%.*s\"", column(p), what, (int64_t)1, p->at);
}

static libloss_status too_many(const parser *p, const char *what, int64_t most)
{
    return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: more than %d %s", column(p), most, what);
}

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

static libloss_status read_word(parser *p, const char *what, spec_word *out)
{
    skip_spaces(p);
    if (!is_letter(*p->at)) return expected(p, what);
    *out = (spec_word){ .text = p->at, .column = column(p) };
    while (is_letter(*p->at) || is_digit(*p->at)) p->at++;
    out->length = p->at - out->text;
    return LIBLOSS_OK;
}

/* Whether a number starts here and is not the beginning of a name such as `infinite_loss`. */
static int64_t number_here(const parser *p, double *out)
{
    int64_t n = libloss__read_number(p->at, p->text + p->length - p->at, out);
    return n > 0 && !is_letter(p->at[n]) && !is_digit(p->at[n]) ? n : 0;
}

static libloss_status read_number(parser *p, const char *what, double *out)
{
    skip_spaces(p);
    int64_t n = number_here(p, out);
    if (n == 0) return expected(p, what);
    p->at += n;
    return LIBLOSS_OK;
}

static libloss_status read_factor(parser *p, double *out)
{
    skip_spaces(p);
    int64_t where = column(p);
    TRY(read_number(p, "a number", out));
    if (*out - *out != 0) return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: a factor must be finite", where);
    return LIBLOSS_OK;
}

static libloss_status push_value(parser *p, double x)
{
    if (p->out->values == SPEC_VALUES) return too_many(p, "numbers", SPEC_VALUES);
    p->out->value[p->out->values++] = x;
    return LIBLOSS_OK;
}

static libloss_status read_value(parser *p, spec_setting *s)
{
    skip_spaces(p);
    s->column = column(p);
    s->first = p->out->values;
    double x;
    if (*p->at == '[') {
        p->at++;
        skip_spaces(p);
        while (*p->at != ']') {
            TRY(read_number(p, "a number or \"]\"", &x));
            TRY(push_value(p, x));
            skip_spaces(p);
            if (*p->at == ',')
                p->at++;
            else if (*p->at != ']')
                return expected(p, "\",\" or \"]\"");
            skip_spaces(p);
        }
        p->at++;
    } else if (number_here(p, &x)) {
        TRY(read_number(p, "a number", &x));
        TRY(push_value(p, x));
    } else {
        TRY(read_word(p, "a number, a word or \"[\"", &s->word));
    }
    s->count = p->out->values - s->first;
    return LIBLOSS_OK;
}

static libloss_status read_settings(parser *p, spec_term *term)
{
    for (;;) {
        if (p->out->settings == SPEC_SETTINGS) return too_many(p, "settings", SPEC_SETTINGS);
        spec_setting s = { .count = 0 };
        TRY(read_word(p, "a parameter's name", &s.name));
        for (int32_t k = term->first; k < p->out->settings; k++) {
            const spec_word *other = &p->out->setting[k].name;
            if (other->length == s.name.length && memcmp(other->text, s.name.text, (size_t)other->length) == 0)
                return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: %.*s is set twice", s.name.column, s.name.length,
                                     s.name.text);
        }
        skip_spaces(p);
        if (*p->at != '=') return expected(p, "\"=\"");
        p->at++;
        TRY(read_value(p, &s));
        p->out->setting[p->out->settings++] = s;
        term->count++;
        skip_spaces(p);
        if (*p->at != ',') return LIBLOSS_OK;
        p->at++;
    }
}

static libloss_status read_term(parser *p, double sign)
{
    if (p->out->terms == SPEC_TERMS) return too_many(p, "terms", SPEC_TERMS);
    spec_term term = { .factor = 1, .first = p->out->settings };
    double x;
    skip_spaces(p);
    if (number_here(p, &x)) {
        TRY(read_factor(p, &term.factor));
        skip_spaces(p);
        if (*p->at != '*') return expected(p, "\"*\"");
        p->at++;
    }
    TRY(read_word(p, "a loss", &term.name));
    skip_spaces(p);
    if (*p->at == '(') {
        p->at++;
        skip_spaces(p);
        if (*p->at != ')') TRY(read_settings(p, &term));
        if (*p->at != ')') return expected(p, "\",\" or \")\"");
        p->at++;
    } else if (*p->at == ':') {
        p->at++;
        TRY(read_settings(p, &term));
    }
    skip_spaces(p);
    if (*p->at == '*' || *p->at == '/') {
        int divide = *p->at++ == '/';
        TRY(read_factor(p, &x));
        term.factor = divide ? term.factor / x : term.factor * x;
    }
    term.factor *= sign;
    if (term.factor - term.factor != 0)
        return libloss__fail(p->sink, LIBLOSS_ERR_SPEC, "spec: column %d: a factor must be finite", term.name.column);
    p->out->term[p->out->terms++] = term;
    return LIBLOSS_OK;
}

libloss_status libloss__parse_spec(libloss__sink sink, const char *text, spec *out)
{
    parser p = { .sink = sink, .text = text, .at = text, .out = out };
    out->terms = out->settings = out->values = 0;
    while (p.length <= SPEC_LENGTH && text[p.length]) p.length++;
    if (p.length > SPEC_LENGTH) return libloss__fail(sink, LIBLOSS_ERR_SPEC, "spec: longer than %d characters", (int64_t)SPEC_LENGTH);
    double sign = 1;
    skip_spaces(&p);
    if (*p.at == '-' || *p.at == '+') sign = *p.at++ == '-' ? -1 : 1;
    for (;;) {
        TRY(read_term(&p, sign));
        skip_spaces(&p);
        if (*p.at == 0) return LIBLOSS_OK;
        if (*p.at != '+' && *p.at != '-') return expected(&p, "\"+\", \"-\" or the end");
        sign = *p.at++ == '-' ? -1 : 1;
    }
}
