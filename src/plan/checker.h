#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "base/function_ref.h"
#include "base/result.h"
#include "plan/format.h"
#include "plan/limits.h"

namespace stead::plan {

/// Whether an enumerator that came from outside is one of those up to `last`.
template <typename Enum>
bool known(Enum value, Enum last) {
    return static_cast<std::uint8_t>(value) <= static_cast<std::uint8_t>(last);
}

/// Whether `slice` lies in a table of `table` records and is no longer than `most`.
inline bool inside(Slice slice, std::size_t table, std::size_t most) {
    return slice.count <= most && slice.first <= table && slice.count <= table - slice.first;
}

/// A byte of a record and the greatest value it may have. Looked at as a byte: a bool that is
/// neither 0 nor 1, and an enumerator that there is none of, must not be read as one.
struct ByteRule {
    std::uint8_t at;
    std::uint8_t last;
};

/// Absolute and in its simplest form: no empty, "." or ".." component, at most kMaxPath bytes.
bool is_plain_path(std::string_view path);

/// Judges one image. `need` remembers what is wrong; everything is && chained behind it, so nothing
/// is looked at before what it depends on has been judged.
class Checker {
public:
    explicit Checker(std::span<const std::byte> image)
        : image_(image) {}

    Result<void> run();

private:
    bool need(bool holds, const char* what) {
        if (!holds) {
            // In a register, so that a hundred failures share one store.
            asm("" : "+r"(what));
            wrong_ = what;
        }
        return holds;
    }

    [[nodiscard]] Error verdict() const;

    /// Whether a record obeys all of them.
    bool bytes(const void* record, std::span<const ByteRule> rules);
    bool header();
    bool layout();
    bool strings();
    bool lists();
    bool records();
    bool activations();
    bool names();
    bool unit(UnitId id);
    bool body(std::uint16_t at);
    bool policy(const UnitPolicy& policy);
    bool stop(const UnitPolicy& policy);
    bool outcomes(const UnitPolicy& policy);
    bool commands(const UnitPolicy& policy, const UnitRecord& record);
    bool probe(ReadyKind kind, bool has_command, Slice address, StringRef path);
    bool readiness(const UnitPolicy& policy, const UnitBody& body);
    bool health(const UnitPolicy& policy);
    bool scheduling(const UnitBody& body);
    bool signal_map(const UnitBody& body);
    bool conditions(const UnitBody& body);
    /// All texts of `slice` are `good`; else `wrong` tells.
    bool texts(Slice slice, const char* wrong, FunctionRef<bool(std::string_view)> good);
    bool dependencies(UnitId id, const UnitPolicy& policy);
    bool identity(const UnitBody& body);
    bool output(OutputKind kind, StringRef path);
    bool parts(const UnitBody& body);
    bool limits(Slice slice);
    /// `slice` is where the last one of `table` ended, and the next one begins where it ends.
    bool follows(Slice slice, TableId table);
    bool activation(const UnitRecord& record);
    bool guest();

    template <typename Record>
    [[nodiscard]] std::span<const Record> table(TableId id) const {
        const Slice place = header_.tables[static_cast<std::size_t>(id)];
        return {reinterpret_cast<const Record*>(image_.data() + place.first), place.count};
    }

    [[nodiscard]] std::size_t count(TableId id) const {
        return header_.tables[static_cast<std::size_t>(id)].count;
    }

    [[nodiscard]] std::size_t& next(TableId id) { return next_[static_cast<std::size_t>(id)]; }

    [[nodiscard]] bool is_string(StringRef at) const { return at < count(TableId::Strings); }

    /// The string at `at`, of which no more than `most` + 1 bytes are looked at.
    [[nodiscard]] std::string_view text(StringRef at, std::size_t most) const {
        const char* start = table<char>(TableId::Strings).data() + at;
        return {start, ::strnlen(start, most + 1)};
    }

    [[nodiscard]] bool is_empty(StringRef at) const { return text(at, 0).empty(); }

    [[nodiscard]] bool is_path(StringRef at) const { return is_plain_path(text(at, kMaxPath)); }

    // First, where a hundred stores of it are shortest.
    const char* wrong_ = nullptr;
    std::span<const std::byte> image_;
    Header header_;
    /// The unit that is being judged, and whether its name may be shown.
    UnitId unit_ = kNoUnit;
    bool named_ = false;
    /// The parts of some tables belong to the units in turn: where the next one's begin.
    std::array<std::size_t, kTables> next_{};
};

} // namespace stead::plan
