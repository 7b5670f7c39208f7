"""Coming from another library: its habits beside ours, and its names. The names of which elsewhere.def tells are not repeated here."""

from __future__ import annotations

from typing import NamedTuple


class Habit(NamedTuple):
    """One thing that both do, each in its way; code stands between backquotes."""

    what: str
    there: str
    here: str


class Library(NamedTuple):
    name: str  # as elsewhere.def writes it
    file: str
    lead: str
    habits: tuple[Habit, ...]
    also: dict[str, str]  # names that elsewhere.def does not list as this library's, and what they are here


LIBRARIES = (
    Library(
        "PyTorch", "pytorch",
        "Inputs come in the same order, and gradients of a mean are 1/n times each value's own in both. What differs is what a mean divides by "
        "where there are weights, and where the classes are.",
        (
            Habit("a call", "`F.huber_loss(input, target, delta=2.0)`", "`libloss.huber(prediction, target, delta=2.0)`; parameters are keywords"),
            Habit("the mean of weighted values", "`F.binary_cross_entropy(..., weight=w)` divides by the number of values",
                  "`reduction=\"size_mean\"`; "
                  "`\"mean\"` divides by the number of those whose weight is not 0"),
            Habit("the mean under class weights", "`F.cross_entropy(..., weight=c)` divides by the sum of the weights",
                  "`class_weight=c, reduction=\"weighted_mean\"`"),
            Habit("Kullback–Leibler, per row", "`F.kl_div(logs, target, reduction=\"batchmean\")`",
                  "`libloss.kl_divergence(p, target)`, whose values are of rows; "
                  "or `kl_pointwise(logs, target, reduction=\"batch_mean\")`"),
            Habit("where the classes are", "axis 1", "the last axis; `axis=1` as there"),
            Habit("labels that do not count", "`ignore_index=-100` unless you say otherwise", "none unless you say so: `ignore_index=-100`"),
            Habit("the logarithm of a probability of 0", "held at −100", "infinite; `clip=` holds it, and the logits form needs no holding"),
            Habit("shapes (n,) and (n, 1)", "become n × n, with a warning", "are refused"),
            Habit("a NaN under weight 0", "stays NaN", "is not there, in value and gradient"),
        ),
        {"binary_cross_entropy": "binary_cross_entropy, with reduction size_mean where there are weights; it holds logarithms at -100, here nothing is held",
         "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits, with reduction size_mean where there are weights",
         "cross_entropy": "cross_entropy, with reduction weighted_mean where classes have weights",
         "ctc_loss": "ctc; its mean divides by the lengths of the targets first",
         "huber_loss": "huber", "kl_div": "kl_divergence of probabilities with reduction batch_mean, or kl_pointwise of logarithms"},
    ),
    Library(
        "Keras", "keras",
        "The target comes first there, and second here: name them. Its reduction divides by all values, and its probabilities are bent before their "
        "logarithm is taken.",
        (
            Habit("a call", "`keras.losses.huber(y_true, y_pred)`",
                  "`libloss.huber(prediction, target)`: the other way round, so `target=, prediction=` is safer"),
            Habit("the mean of weighted values", "`\"sum_over_batch_size\"` divides by the number of values, those of weight 0 too",
                  "`reduction=\"size_mean\"`"),
            Habit("one value per", "row: the mean over the last axis", "value; the mean over all is the same number"),
            Habit("logits or probabilities", "`from_logits=False` unless you say otherwise",
                  "the name says it: `binary_cross_entropy` or `binary_cross_entropy_with_logits`"),
            Habit("the logarithm of a probability of 0", "probabilities are held in [1e-7, 1 − 1e-7]", "infinite; `clip=1e-7` holds them"),
            Habit("rows of probabilities", "are divided by their sum", "are taken as they are; `normalize=True` divides"),
            Habit("percentage errors", "times 100", "as fractions"),
            Habit("labels of a margin", "0 becomes −1", "−1 and +1; `labels=\"zero_one\"` takes 0 and 1"),
            Habit("a NaN under weight 0", "stays NaN", "is not there, in value and gradient"),
        ),
        {},
    ),
    Library(
        "optax", "optax",
        "Inputs come in the same order. Losses there give one value per element or row and leave the reduction to you; here the mean is the default.",
        (
            Habit("a call", "`optax.huber_loss(predictions, targets, delta=2.0)`", "`libloss.huber(prediction, target, delta=2.0)`"),
            Habit("the values themselves", "what every loss gives", "`reduction=\"none\"`"),
            Habit("the half in the square", "`l2_loss` has it, `squared_error` has not", "the same: `l2_loss` is an alias of `half_squared_error`"),
            Habit("labels of a margin", "`hinge_loss` takes −1 and +1", "the same"),
            Habit("what does not count", "`where=mask`, in some losses", "`weight=mask`, in all"),
            Habit("the gradient", "`jax.grad` of the function", "`value_and_grad` of the loss; inside of JAX, `libloss.jax`"),
        ),
        {"squared_error": "squared_error", "l2_loss": "half_squared_error", "log_cosh": "log_cosh", "cosine_distance": "cosine_distance",
         "cosine_similarity": "cosine_distance, which is 1 more", "kl_divergence": "kl_divergence of probabilities, or kl_pointwise of logarithms",
         "sigmoid_binary_cross_entropy": "binary_cross_entropy_with_logits", "softmax_cross_entropy": "cross_entropy",
         "sigmoid_focal_loss": "binary_focal_with_logits, whose alpha has no default", "ctc_loss": "ctc", "dice_loss": "dice of probabilities",
         "ntxent": "nt_xent of a matrix of similarities", "triplet_margin_loss": "triplet_margin"},
    ),
    Library(
        "scikit-learn", "scikit-learn",
        "The target comes first there; here inputs of losses go prediction, target, and metrics take keywords only. Its means divide by the sum of "
        "the weights.",
        (
            Habit("a call", "`mean_squared_error(y_true, y_pred)`",
                  "`libloss.squared_error(prediction, target)`, or `libloss.metrics.r2(prediction=, target=)`"),
            Habit("the mean of weighted values", "`sample_weight=w` divides by the sum of the weights",
                  "of a loss `reduction=\"weighted_mean\"`; of a metric always"),
            Habit("labels", "any values, sorted", "class indices 0, 1, 2 …; more than two need `classes=`, if not all of them occur"),
            Habit("scores that become classes", "you compare with a threshold", "`threshold=0.5`, or rows of scores"),
            Habit("the logarithm of a probability of 0", "held at the dtype's smallest step", "infinite"),
            Habit("`average=`", "`\"binary\"`, `\"micro\"`, `\"macro\"`, `\"weighted\"`, `\"samples\"`, `None`", "the same words, and `\"none\"`"),
            Habit("rows of labels", "told by what the arrays look like", "told by you, `multilabel=True`; without it every element is a case"),
            Habit("gains of ranks", "`ndcg_score` takes the grade as it is", "2^grade − 1; `gain=\"linear\"` as there"),
        ),
        {"confusion_matrix": "the metric confusion_matrix", "log_loss": "the metric log_loss", "hinge_loss": "hinge of labels -1 and +1, or labels=zero_one",
         "root_mean_squared_error": "rmse", "median_absolute_error": "the metric median_absolute_error",
         "mean_tweedie_deviance": "the metric tweedie_deviance"},
    ),
)
