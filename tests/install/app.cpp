// What a C++ program does with libloss; exits with 0 if all of it holds.
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include <libloss.hpp>

#define HOLDS(...)                                            \
    if (!(__VA_ARGS__)) {                                     \
        std::printf("line %d: %s\n", __LINE__, #__VA_ARGS__); \
        return 1;                                             \
    }

int main()
{
    const libloss::loss huber("huber(delta=1.5)"), mse("squared_error");
    const std::vector<float> prediction{ 0.5F, 2, -1 }, target{ 1, 1, 1 };
    std::vector<float> gradient(3);
    HOLDS(std::fabs(huber(prediction, target) - 2.5 / 3) < 1e-7);
    HOLDS(huber.value_and_grad(prediction, target, gradient) == huber(prediction, target) && gradient[2] == -0.5F);
    const std::array<double, 2> a{ 1, 2 };
    const double b[2] = { 0, 0 };
    HOLDS(mse(a, b) == 2.5 && mse(a, b, LIBLOSS_SUM) == 5);
    HOLDS(huber.spec() == "huber(delta=1.5)");

    libloss::total whole(huber), part(huber);
    whole.add(prediction, target).add(prediction, target);
    part.add(prediction, target);
    part += part;
    HOLDS(whole.value() == part.value() && whole.value(LIBLOSS_SUM) == 2 * huber(prediction, target, LIBLOSS_SUM));

    const libloss::loss both = libloss::combine({ { 0.5, &huber }, { 2, &mse } });
    HOLDS(std::fabs(both(prediction, target) - (0.5 * huber(prediction, target) + 2 * mse(prediction, target))) < 1e-12);
    HOLDS(libloss::total(both).add(prediction, target).value() == both(prediction, target));

    const double z[6] = { 2, 0, 0, 0, 1, 0 };
    const std::int64_t label[2] = { 0, 1 };
    libloss::tensor logits(z, { 2, 3 }), classes(label, { 2 });
    libloss_args args = libloss::arguments();
    double value = 0;
    args.input[0] = logits.get();
    args.input[1] = classes.get();
    args.value = &value;
    libloss::loss("cross_entropy").eval(args);
    HOLDS(std::fabs(value - (std::log(std::exp(2.0) + 2) - 2 + std::log(std::exp(1.0) + 2) - 1) / 2) < 1e-15);

    double odds[2] = { 0.5, 0.75 }, again[2];
    libloss::tensor share(odds, { 2 }), score(again, { 2 });
    libloss::loss("logistic").link(share, score);
    HOLDS(again[0] == 0 && std::fabs(again[1] - std::log(3.0)) < 1e-15);
    libloss::loss("logistic").inverse_link(score, share);
    HOLDS(odds[0] == 0.5 && std::fabs(odds[1] - 0.75) < 1e-15);

    try {
        libloss::loss("hubber");
        return 2;
    } catch (const libloss::spec_error &e) {
        HOLDS(e.status() == LIBLOSS_ERR_NAME && std::string(e.what()).find("did you mean huber") != std::string::npos);
    }
    try {
        huber(prediction, std::vector<float>(2));
        return 3;
    } catch (const libloss::tensor_error &e) {
        HOLDS(e.status() == LIBLOSS_ERR_SHAPE);
    }
    const std::vector<std::int32_t> labels{ 0, 1 }, wrong{ 0, 3 };
    const libloss::loss cross_entropy("cross_entropy");
    HOLDS(cross_entropy.rows(std::vector<double>(z, z + 6), labels) == value);
    try {
        cross_entropy.rows(std::vector<double>(z, z + 6), wrong);
        return 4;
    } catch (const libloss::data_error &e) {
        HOLDS(e.status() == LIBLOSS_ERR_LABEL && std::string(e.what()) == "cross_entropy: target[1] = 3 is not in [0, 3)");
    }
    try {
        huber(prediction, target, LIBLOSS_NONE);
        return 6;
    } catch (const libloss::error &e) {
        HOLDS(e.status() == LIBLOSS_ERR_OPTION);
    }
    try {
        cross_entropy.rows(std::vector<double>(5), labels);
        return 5;
    } catch (const libloss::tensor_error &) {
    }
    return 0;
}
