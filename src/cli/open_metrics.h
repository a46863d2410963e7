#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Text in the OpenMetrics format (https://prometheus.io/docs/specs/om/open_metrics_spec/), which
/// Prometheus scrapes: families of samples, each family once with its type and help.
namespace stead::cli {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

class OpenMetrics {
public:
    enum class Type { Gauge, Counter, Info };

    /// The index of a new family. A counter's samples get the suffix "_total", an info's "_info"; a
    /// name that ends in a unit ("_seconds", "_bytes") says so to the reader.
    std::size_t family(Type type, std::string_view name, std::string_view help);

    void add(std::size_t family, const Labels& labels, std::int64_t value);
    /// Microseconds or nanoseconds as seconds: `value` / `divisor`.
    void add_fraction(std::size_t family,
                      const Labels& labels,
                      std::int64_t value,
                      std::int64_t divisor);

    /// Families without samples are left out.
    [[nodiscard]] std::string text() const;

private:
    struct Family {
        Type type;
        std::string name;
        std::string help;
        std::string samples;
    };

    void add_text(std::size_t family, const Labels& labels, const std::string& value);

    std::vector<Family> families_;
};

} // namespace stead::cli
