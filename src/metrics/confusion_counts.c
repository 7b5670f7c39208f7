/*
 * True and false positives and negatives of every class against the rest: what all other counting metrics are made of.
 */
#include "classwise.h"

METRIC(confusion_counts) = {
    .title = "Confusion counts",
    .aliases = "",
    .formula = "per class (tp, fp, tn, fn)",
    .input = { MULTILABEL_INPUTS },
    .param = { CLASSES_OR_LABELS, THRESHOLD, MULTILABEL },
    .cite = "Kohavi & Provost 1998, Machine Learning 30:271",
};

static void read_confusion_counts(const metric_state *state, double *values)
{
    const twofold all = libloss__all_counts(state);
    for (int64_t k = 0; k < state->classes; k++) {
        class_counts c = libloss__class_counts(state, all, k);
        values[4 * k] = c.tp;
        values[4 * k + 1] = c.fp;
        values[4 * k + 2] = c.tn;
        values[4 * k + 3] = c.fn;
    }
}

READS_LABELS(confusion_counts, GIVES_CLASS_COUNTS, read_confusion_counts, NULL)
