#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verbs.h"

namespace stead::cli {

/// The options of one verb; a thin face over CLI11, which only options.cpp includes. Targets are
/// filled by `parse` and keep their value where the option is not given.
///
///     Options options(context, "logs");
///     options.flag("-f,--follow", follow, "go on with new lines");
///     options.value("--since", since, "TIME", "only lines from TIME on");
///     options.positional("NAME", name, "the guest");
///     if (const auto code = options.parse(arguments)) return *code;
class Options {
public:
    /// Summary and usage come from the verb's row.
    Options(Context& context, std::string_view verb);
    /// Of a word below a verb.
    Options(Context& context,
            std::string_view name,
            std::string_view summary,
            std::string_view usage);
    ~Options();
    Options(const Options&) = delete;
    Options& operator=(const Options&) = delete;
    Options(Options&&) = delete;
    Options& operator=(Options&&) = delete;

    void flag(const std::string& names, bool& target, const std::string& help);
    void value(const std::string& names,
               std::string& target,
               const std::string& placeholder,
               const std::string& help);
    void number(const std::string& names,
                std::int64_t& target,
                const std::string& placeholder,
                const std::string& help);
    /// May be given several times, one value each.
    void list(const std::string& names,
              std::vector<std::string>& target,
              const std::string& placeholder,
              const std::string& help);

    void positional(const std::string& name, std::string& target, const std::string& help);
    void optional_positional(const std::string& name, std::string& target, const std::string& help);
    /// Every positional from here on, at least `minimum`.
    void positionals(const std::string& name,
                     std::vector<std::string>& target,
                     const std::string& help,
                     std::size_t minimum = 0);
    /// The program to run: from the first word after the positionals (or after "--") on, verbatim.
    void command(std::vector<std::string>& target);

    /// A line for the end of --help.
    void footer(const std::string& text);

    /// The exit code to leave with (0 after --help, kAskedWrongly after a mistake, which has been
    /// printed); nothing if the verb may go on.
    std::optional<int> parse(Arguments arguments);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// "1m30s", "500ms", "2d", "infinity" or bare seconds ("30") as nanoseconds; nothing if it is none.
std::optional<std::int64_t> parse_duration(std::string_view text);

} // namespace stead::cli
