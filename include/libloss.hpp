/* libloss.hpp - libloss.h for C++17: objects that clean up after themselves, arrays that know their size, exceptions.
 *
 *     libloss::loss huber("huber(delta=1.5)");
 *     std::vector<float> prediction{0.5F, 2, -1}, target{1, 1, 1}, gradient(3);
 *     double mean = huber(prediction, target);
 *     mean = huber.value_and_grad(prediction, target, gradient);
 *
 *     libloss::total total(huber);
 *     total.add(prediction, target).add(prediction, target);
 *     total.value(LIBLOSS_WEIGHTED_MEAN);
 *
 * Every function throws libloss::error, or what is derived from it, where C answers with a status; outputs are untouched then. Objects are immutable and shared
 * between threads freely; copying one shares it. What has no word here is said through handle() and libloss.h. */
#ifndef LIBLOSS_HPP
#define LIBLOSS_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "libloss.h"

namespace libloss
{

/* What C says, as an exception. */
class error : public std::runtime_error
{
  public:
    error(libloss_status status, const char *message) : std::runtime_error(message), status_(status) {}
    libloss_status status() const noexcept { return status_; }

  private:
    libloss_status status_;
};

/* By kind, which is the status's decade; what belongs to none of these (a NULL, an option) is an error as such. */
struct spec_error : error { /* names, parameters, the text of a spec */
    using error::error;
};
struct tensor_error : error { /* shapes, types, overlaps */
    using error::error;
};
struct data_error : error { /* the numbers in them: labels, domains, weights */
    using error::error;
};
struct not_differentiable : error {
    using error::error;
};
struct out_of_memory : error {
    using error::error;
};
struct total_error : error {
    using error::error;
};
struct callback_error : error { /* the caller's own function failed or stopped the call */
    using error::error;
};

[[noreturn]] inline void raise(libloss_status status, const char *message)
{
    switch (status / 10) {
    case LIBLOSS_ERR_NAME / 10: throw spec_error(status, message);
    case LIBLOSS_ERR_SHAPE / 10: throw tensor_error(status, message);
    case LIBLOSS_ERR_LABEL / 10: throw data_error(status, message);
    case LIBLOSS_ERR_NO_GRADIENT / 10: throw not_differentiable(status, message);
    case LIBLOSS_ERR_MEMORY / 10: throw out_of_memory(status, message);
    case LIBLOSS_ERR_TOTAL / 10: throw total_error(status, message);
    case LIBLOSS_ERR_CALLBACK / 10: throw callback_error(status, message);
    default: throw error(status, message);
    }
}

inline void check(libloss_status status)
{
    if (status != LIBLOSS_OK) raise(status, libloss_message());
}

/* A contiguous run of numbers: from a vector, an array, std::array, std::span, or a pointer and a size. */
template <class T>
class span
{
  public:
    span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <std::size_t N>
    span(T (&array)[N]) noexcept : data_(array), size_(N)
    {
    }
    template <class C, class = std::enable_if_t<!std::is_same_v<std::decay_t<C>, span> &&
                                                std::is_convertible_v<decltype(std::declval<C &>().data()), T *>>>
    span(C &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }
    T *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

  private:
    T *data_;
    std::size_t size_;
};

/* A tensor of float or double over memory of the caller's; shape and strides (in elements) are copied. */
class tensor
{
  public:
    template <class T>
    tensor(T *data, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides = {})
        : shape_(std::move(shape)), strides_(std::move(strides))
    {
        using number = std::remove_const_t<T>;
        static_assert(std::is_arithmetic_v<number> && sizeof(number) <= 8, "a tensor holds numbers of at most 64 bits");
        tensor_.data = const_cast<number *>(data);
        tensor_.device_type = 1;
        tensor_.dtype_code = std::is_same_v<number, bool> ? 6 : std::is_floating_point_v<number> ? 2 : std::is_signed_v<number> ? 0 : 1;
        tensor_.dtype_bits = static_cast<std::uint8_t>(8 * sizeof(number));
        tensor_.dtype_lanes = 1;
    }
    /* Valid as long as this object. */
    const libloss_tensor *get() const noexcept
    {
        tensor_.ndim = static_cast<std::int32_t>(shape_.size());
        tensor_.shape = shape_.data();
        tensor_.strides = strides_.empty() ? nullptr : strides_.data();
        return &tensor_;
    }

  private:
    std::vector<std::int64_t> shape_, strides_;
    mutable libloss_tensor tensor_{};
};

/* libloss_args with its size set and everything else zero. */
inline libloss_args arguments() noexcept
{
    libloss_args args{};
    args.struct_size = sizeof args;
    return args;
}

class loss
{
  public:
    explicit loss(const std::string &spec)
    {
        libloss_object *object = nullptr;
        check(libloss_create(spec.c_str(), &object));
        reset(object);
    }
    explicit loss(const char *spec) : loss(std::string(spec)) {}
    /* Takes over a handle of the C API. */
    explicit loss(libloss_object *object) { reset(object); }

    const libloss_object *handle() const noexcept { return object_.get(); }

    /* The canonical spec: it makes an equal object. */
    std::string spec() const
    {
        std::string text(static_cast<std::size_t>(libloss_spec(handle(), nullptr, 0)), '\0');
        libloss_spec(handle(), &text[0], static_cast<std::int64_t>(text.size()) + 1);
        return text;
    }

    /* The reduced value of n predictions and n targets. */
    double operator()(span<const float> prediction, span<const float> target, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return flat(libloss_call_f32, prediction, target, static_cast<float *>(nullptr), reduction);
    }
    double operator()(span<const double> prediction, span<const double> target, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return flat(libloss_call_f64, prediction, target, static_cast<double *>(nullptr), reduction);
    }

    /* The same, and its gradient by the prediction; the gradient may be the prediction itself. */
    double value_and_grad(span<const float> prediction, span<const float> target, span<float> gradient,
                          std::int32_t reduction = LIBLOSS_MEAN) const
    {
        same_size(prediction.size(), gradient.size(), "gradient");
        return flat(libloss_call_f32, prediction, target, gradient.data(), reduction);
    }
    double value_and_grad(span<const double> prediction, span<const double> target, span<double> gradient,
                          std::int32_t reduction = LIBLOSS_MEAN) const
    {
        same_size(prediction.size(), gradient.size(), "gradient");
        return flat(libloss_call_f64, prediction, target, gradient.data(), reduction);
    }

    /* The reduced value of rows of logits or scores, one class index each: prediction is (label.size(), classes). */
    double rows(span<const float> prediction, span<const std::int32_t> label, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return by_row(libloss_rows_f32_i32, prediction, label, static_cast<float *>(nullptr), reduction);
    }
    double rows(span<const float> prediction, span<const std::int64_t> label, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return by_row(libloss_rows_f32_i64, prediction, label, static_cast<float *>(nullptr), reduction);
    }
    double rows(span<const double> prediction, span<const std::int32_t> label, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return by_row(libloss_rows_f64_i32, prediction, label, static_cast<double *>(nullptr), reduction);
    }
    double rows(span<const double> prediction, span<const std::int64_t> label, std::int32_t reduction = LIBLOSS_MEAN) const
    {
        return by_row(libloss_rows_f64_i64, prediction, label, static_cast<double *>(nullptr), reduction);
    }

    /* Everything else: fill libloss_args (see arguments()) and evaluate. */
    void eval(const libloss_args &args) const { check(libloss_eval(handle(), &args)); }

    /* From the mean of the target to the prediction that stands for it, and back; both of one shape. */
    void link(const tensor &mean, const tensor &prediction) const { check(libloss_link(handle(), mean.get(), prediction.get())); }
    void inverse_link(const tensor &prediction, const tensor &mean) const
    {
        check(libloss_inverse_link(handle(), prediction.get(), mean.get()));
    }

  private:
    void reset(libloss_object *object) { object_ = std::shared_ptr<libloss_object>(object, libloss_destroy); }

    static void same_size(std::size_t prediction, std::size_t other, const char *what)
    {
        if (prediction != other)
            raise(LIBLOSS_ERR_SHAPE,
                  (std::string(what) + " has " + std::to_string(other) + " numbers, but prediction has " + std::to_string(prediction))
                      .c_str());
    }

    /* The C function would write one number per value. */
    static void one_number(std::int32_t reduction)
    {
        if (reduction == LIBLOSS_NONE) raise(LIBLOSS_ERR_OPTION, "LIBLOSS_NONE gives no one number: ask eval for values");
    }

    template <class F, class T>
    double flat(F call, span<const T> prediction, span<const T> target, T *gradient, std::int32_t reduction) const
    {
        double value = 0;
        one_number(reduction);
        same_size(prediction.size(), target.size(), "target");
        check(call(handle(), reduction, static_cast<std::int64_t>(prediction.size()), prediction.data(), target.data(), &value, gradient));
        return value;
    }

    template <class F, class T, class I>
    double by_row(F call, span<const T> prediction, span<const I> label, T *gradient, std::int32_t reduction) const
    {
        double value = 0;
        one_number(reduction);
        const std::size_t count = label.size(), classes = count ? prediction.size() / count : 1;
        same_size(prediction.size(), count * classes, "a whole number of rows");
        check(call(handle(), reduction, static_cast<std::int64_t>(count), static_cast<std::int64_t>(classes), prediction.data(),
                   label.data(), &value, gradient));
        return value;
    }

    std::shared_ptr<libloss_object> object_;
};

/* A weighted sum of losses over the same inputs. */
inline loss combine(std::initializer_list<std::pair<double, const loss *>> terms)
{
    std::vector<const libloss_object *> objects;
    std::vector<double> factors;
    for (const auto &term : terms) {
        factors.push_back(term.first);
        objects.push_back(term.second->handle());
    }
    libloss_object *object = nullptr;
    check(libloss_combine(objects.data(), factors.data(), static_cast<std::int64_t>(objects.size()), &object));
    return loss(object);
}

/* An exact running total; copies are independent, merging is exact in any order. */
class total
{
  public:
    explicit total(const loss &of) : loss_(of)
    {
        for (std::int64_t bytes = LIBLOSS_TOTAL_SIMPLE;; bytes *= 2) { /* sums of many losses need more */
            memory_.assign(static_cast<std::size_t>(bytes) / 8, 0);
            libloss_status status = libloss_total_start(get(), bytes, of.handle(), nullptr);
            if (status == LIBLOSS_OK) break;
            if (status != LIBLOSS_ERR_TOTAL || bytes > (1 << 20)) check(status);
        }
    }

    template <class T>
    total &add(span<const T> prediction, span<const T> target)
    {
        tensor p(prediction.data(), { static_cast<std::int64_t>(prediction.size()) }),
            t(target.data(), { static_cast<std::int64_t>(target.size()) });
        libloss_args args = arguments();
        args.input[0] = p.get();
        args.input[1] = t.get();
        return add(args);
    }
    total &add(const std::vector<float> &prediction, const std::vector<float> &target)
    {
        return add(span<const float>(prediction), span<const float>(target));
    }
    total &add(const std::vector<double> &prediction, const std::vector<double> &target)
    {
        return add(span<const double>(prediction), span<const double>(target));
    }
    total &add(libloss_args args)
    {
        args.total = get();
        loss_.eval(args);
        return *this;
    }

    total &operator+=(const total &other)
    {
        check(libloss_total_merge(get(), other.get()));
        return *this;
    }

    double value(std::int32_t reduction = LIBLOSS_MEAN, std::int32_t empty = LIBLOSS_EMPTY_NAN) const
    {
        double number = 0;
        check(libloss_total_value(get(), reduction, empty, 0, &number, 1));
        return number;
    }

    libloss_total *get() noexcept { return reinterpret_cast<libloss_total *>(memory_.data()); }
    const libloss_total *get() const noexcept { return reinterpret_cast<const libloss_total *>(memory_.data()); }

  private:
    loss loss_;
    std::vector<std::uint64_t> memory_;
};

} // namespace libloss

#endif
