#include "cli/options.h"

#include <charconv>

#include <CLI/CLI.hpp>

namespace stead::cli {

struct Options::Impl {
    Impl(Context& from, std::string_view name, std::string_view summary, std::string_view usage)
        : context(from)
        , app(std::string(summary), "stead " + std::string(name)) {
        app.set_help_flag("-h,--help", "show this and leave");
        app.usage_line = "Usage: " + app.get_name() + " [options]" +
                         (usage.empty() ? std::string() : " " + std::string(usage));
        app.formatter(std::make_shared<UsageFormatter>());
    }

    /// CLI11's own formatter with our usage line in place of the one it derives.
    struct UsageFormatter : CLI::Formatter {
        std::string make_usage(const CLI::App* named, std::string /*name*/) const override {
            return static_cast<const NamedApp*>(named)->usage_line + "\n";
        }
    };

    struct NamedApp : CLI::App {
        using CLI::App::App;
        std::string usage_line;
    };

    Context& context;
    NamedApp app;
    std::vector<std::string>* command = nullptr;
};

Options::Options(Context& context, std::string_view verb)
    : Options(context,
              verb,
              find_verb(verb) != nullptr ? find_verb(verb)->summary : std::string_view(),
              find_verb(verb) != nullptr ? find_verb(verb)->usage : std::string_view()) {}

Options::Options(Context& context,
                 std::string_view name,
                 std::string_view summary,
                 std::string_view usage)
    : impl_(std::make_unique<Impl>(context, name, summary, usage)) {}

Options::~Options() = default;

void Options::flag(const std::string& names, bool& target, const std::string& help) {
    impl_->app.add_flag(names, target, help);
}

void Options::value(const std::string& names,
                    std::string& target,
                    const std::string& placeholder,
                    const std::string& help) {
    // Not given and given as nothing, by an unset variable of a script, are two things.
    const auto not_empty = [](const std::string& word) {
        return word.empty() ? std::string("the value is empty") : std::string();
    };
    impl_->app.add_option(names, target, help)
        ->type_name(placeholder)
        ->check(CLI::Validator(not_empty, ""))
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Options::number(const std::string& names,
                     std::int64_t& target,
                     const std::string& placeholder,
                     const std::string& help) {
    impl_->app.add_option(names, target, help)
        ->type_name(placeholder)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void Options::list(const std::string& names,
                   std::vector<std::string>& target,
                   const std::string& placeholder,
                   const std::string& help) {
    impl_->app.add_option(names, target, help)->type_name(placeholder)->allow_extra_args(false);
}

void Options::positional(const std::string& name, std::string& target, const std::string& help) {
    impl_->app.add_option(name, target, help)->required()->type_name("");
}

void Options::optional_positional(const std::string& name,
                                  std::string& target,
                                  const std::string& help) {
    impl_->app.add_option(name, target, help)->type_name("");
}

void Options::positionals(const std::string& name,
                          std::vector<std::string>& target,
                          const std::string& help,
                          std::size_t minimum) {
    CLI::Option* option = impl_->app.add_option(name, target, help)->type_name("");
    if (minimum > 0) option->required()->expected(static_cast<int>(minimum), 1 << 16);
}

void Options::command(std::vector<std::string>& target) {
    impl_->command = &target;
    impl_->app.prefix_command();
}

void Options::footer(const std::string& text) {
    impl_->app.footer(text);
}

std::optional<int> Options::parse(Arguments arguments) {
    Console& console = impl_->context.console;
    // CLI11 wants the words in reverse order.
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
        impl_->app.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
        console.out(impl_->app.help());
        return kDone;
    } catch (const CLI::ParseError& mistake) {
        console.error(mistake.what());
        console.hint("see '" + impl_->app.get_name() + " --help'");
        return kAskedWrongly;
    }
    if (impl_->command == nullptr) return std::nullopt;

    std::vector<std::string> rest = impl_->app.remaining();
    if (!rest.empty() && rest.front() == "--") {
        rest.erase(rest.begin());
    } else if (!rest.empty() && rest.front().size() > 1 && rest.front().front() == '-') {
        console.error("unknown option '" + rest.front() + "'");
        console.hint("what belongs to the program goes after its name or after '--'; see '" +
                     impl_->app.get_name() + " --help'");
        return kAskedWrongly;
    }
    *impl_->command = std::move(rest);
    return std::nullopt;
}

namespace {

struct Unit {
    std::string_view word;
    std::int64_t ns;
};

constexpr Unit kUnits[] = {{"ns", 1},
                           {"us", 1'000},
                           {"ms", 1'000'000},
                           {"s", 1'000'000'000},
                           {"m", 60'000'000'000},
                           {"min", 60'000'000'000},
                           {"h", 3'600'000'000'000},
                           {"d", 86'400'000'000'000}};

std::int64_t unit_named(std::string_view word) {
    for (const Unit& unit : kUnits) {
        if (unit.word == word) return unit.ns;
    }
    return 0;
}

} // namespace

std::optional<std::int64_t> parse_duration(std::string_view text) {
    if (text == "infinity") return std::numeric_limits<std::int64_t>::max();
    if (text.empty()) return std::nullopt;
    std::int64_t total = 0;
    while (!text.empty()) {
        std::int64_t count = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, problem] = std::from_chars(text.data(), end, count);
        if (problem != std::errc{} || count < 0) return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(stop - text.data()));

        std::size_t letters = 0;
        while (letters < text.size() && text[letters] >= 'a' && text[letters] <= 'z')
            ++letters;
        // Bare digits are seconds, but only alone: "1h30" would be a guess.
        const bool bare = letters == 0 && text.empty() && total == 0;
        const std::int64_t unit = bare ? unit_named("s") : unit_named(text.substr(0, letters));
        std::int64_t part = 0;
        if (unit == 0 || __builtin_mul_overflow(count, unit, &part) ||
            __builtin_add_overflow(total, part, &total))
            return std::nullopt;
        text.remove_prefix(letters);
    }
    return total;
}

} // namespace stead::cli
