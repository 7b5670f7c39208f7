"""Which loss should I use? ``[[name]]`` becomes a link; a name that is none of ours stops the gallery."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    title: str
    anchor: str
    answers: tuple[tuple[str, str], ...]  # what is so, and what to take then


FIRST = (
    ("Train on logits where you can.", "A loss that takes the score before the sigmoid or softmax keeps its slope where the model is "
                                       "confidently wrong, and loses no digits."),
    ("Train with a loss, judge with a metric.", "The loss must have a slope; what you report need not. Watch both: [[cross_entropy]] may fall "
                                                "while [[accuracy]] stands still."),
    ("Start plain.", "The first line of each table is where to begin. Leave it for a reason that you have seen in your data."),
)

QUESTIONS = (
    Question("A number", "number", (
        ("nothing special is known", "[[squared_error]]: predicts the mean. Outliers rule it."),
        ("some targets are wild", "[[huber]]: choose <code>delta</code> about as large as an error that is still ordinary. [[pseudo_huber]] for second-order "
                                  "methods, [[log_cosh]] where you want no threshold."),
        ("you want the median, or half of all cases on each side", "[[absolute_error]]"),
        ("too low and too high cost differently, or you want an interval", "[[quantile]], one level for each end; [[expectile]] is its smooth cousin."),
        ("small errors do not matter", "[[epsilon_insensitive]]"),
        ("errors count in percent", "[[squared_log_error]] for targets from 0 upwards; [[absolute_percentage_error]] only if nothing is near 0: "
                                    "it prefers predictions that are too low."),
        ("the noise differs from case to case", "[[gaussian_nll]]: the model says how sure it is."),
        ("you report in the unit of the data", "[[rmse]]"),
    )),
    Question("Counts and amounts", "counts", (
        ("how often something happens", "[[poisson_nll]], whose prediction is the logarithm of the mean"),
        ("amounts above 0 whose spread grows with their size", "[[gamma_nll]]"),
        ("amounts of which many are exactly 0", "[[tweedie]], <code>power</code> between 1 and 2"),
    )),
    Question("Yes or no", "binary", (
        ("you have scores (logits)", "[[binary_cross_entropy_with_logits]]"),
        ("you have probabilities and no logits", "[[binary_cross_entropy]]: a sure mistake costs infinitely much, which is its point."),
        ("yes is rare", "<code>pos_weight</code> of the same loss first; [[binary_focal_with_logits]] where very many easy cases drown the hard ones. "
                        "Both bend the probabilities."),
        ("only the side matters, not the probability", "[[hinge]] (support vectors) or [[squared_hinge]]; [[logistic]] is cross-entropy for labels −1 and +1."),
        ("labels may be wrong", "[[modified_huber]]: a mistake pulls with a bounded force. Not [[exponential]]: there the mislabelled end up ruling."),
        ("you compare probabilities of forecasters", "[[brier]], or cross-entropy; both are proper."),
    )),
    Question("One of several classes", "classes", (
        ("you have logits", "[[cross_entropy]], with <code>label_smoothing</code> against overconfidence and class weights for rare classes"),
        ("you have log-probabilities", "[[nll]]"),
        ("you have probabilities", "[[categorical_cross_entropy]], or [[multiclass_brier]] where a bounded cost is wanted"),
        ("labels are noisy", "[[generalized_cross_entropy]]"),
        ("easy rows drown the hard ones", "[[softmax_focal]]"),
        ("only the margin matters", "[[multiclass_hinge]], or [[multi_margin]] if every near class should be pushed away"),
    )),
    Question("Several labels at once", "labels", (
        ("each label is a question of its own", "[[binary_cross_entropy_with_logits]] per label; [[multilabel_soft_margin]] is its mean over the row."),
        ("right labels should rank above wrong ones", "[[multilabel_margin]]"),
    )),
    Question("Which pixels", "segmentation", (
        ("classes are balanced", "[[binary_cross_entropy_with_logits]] or [[cross_entropy]] per pixel"),
        ("the object is small", "[[dice]], alone or added: <code>\"0.5*binary_cross_entropy + 0.5*dice\"</code> is a spec."),
        ("misses cost more than false alarms", "[[tversky]] with <code>beta</code> above <code>alpha</code>"),
        ("you are judged by overlap over union", "[[jaccard]]"),
    )),
    Question("Which things are alike", "similarity", (
        ("you have pairs, alike or not", "[[contrastive]] by distance, [[cosine_embedding]] by direction"),
        ("you have anchors with one like and one unlike", "[[triplet_margin]]"),
        ("you have two views of every example", "[[info_nce]] (two encoders, as CLIP) or [[nt_xent]] (one, as SimCLR): large batches are its negatives."),
        ("you have class labels", "[[sup_con]]"),
        ("one vector should point as another does", "[[cosine_distance]]"),
    )),
    Question("Which comes first", "ranking", (
        ("people prefer one of two", "[[pairwise_logistic]]: reward models, BPR; [[margin_ranking]] where a fixed lead is enough"),
        ("queries with graded documents, judged by NDCG", "[[lambdarank]]"),
        ("the same, with a loss that is a true function", "[[ranknet]] of pairs, [[list_net]] of the whole list"),
    )),
    Question("Something else", "else", (
        ("when something happens, and for some it has not yet", "[[cox]]"),
        ("a text or sound without timing", "[[ctc]]"),
        ("a whole distribution", "[[kl_divergence]]; [[js_divergence]] where it should be symmetric and bounded"),
        ("a generator against a discriminator", "[[gan_non_saturating]]; [[gan_minimax]] is the game as first written down, "
                                                   "whose generator stops learning early."),
    )),
    Question("To report, not to train", "report", (
        ("classes are of like size", "[[accuracy]]"),
        ("one is rare", "[[balanced_accuracy]], [[matthews_correlation]], or [[precision]] and [[recall]] side by side; [[f_beta]] makes one number of them."),
        ("rows have several labels", "[[f_beta]] or [[jaccard_index]] with <code>multilabel=True</code>: <code>average=\"samples\"</code> judges row by row, "
                                     "<code>\"macro\"</code> label by label; [[accuracy]] wants a row right in all of them."),
        ("raters should agree beyond chance", "[[cohen_kappa]]"),
    )),
)
