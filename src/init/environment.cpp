#include "init/environment.h"

#include <algorithm>
#include <cstring>

#include "base/words.h"

namespace stead::init {

namespace {

std::string_view name_of(std::string_view entry) {
    return part_before(entry, '=');
}

bool lists(const StringList& names, std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (name_of(names[i]) == name) return true;
    }
    return false;
}

/// What speaks to whoever started PID 1 is not for its services.
bool is_private(std::string_view name) {
    return name == "NOTIFY_SOCKET" || name == "STEAD_STOP_TIMEOUT" || name.starts_with("LISTEN_") ||
           name.starts_with("WATCHDOG_");
}

} // namespace

void ChildStrings::add(const char* text) {
    // The last pointer is kept for the end of the list.
    if (pointers_ + 1 >= scratch_.pointers.size()) {
        overflowed_ = true;
        return;
    }
    // execve's prototype lacks a const that its contract has.
    scratch_.pointers[pointers_++] = const_cast<char*>(text);
}

char* ChildStrings::reserve(std::size_t size) {
    if (scratch_.short_text.size() - short_text_ >= size) {
        char* start = scratch_.short_text.data() + short_text_;
        short_text_ += size;
        return start;
    }
    if (scratch_.text.size() - text_ < size) {
        overflowed_ = true;
        return nullptr;
    }
    char* start = scratch_.text.data() + text_;
    text_ += size;
    return start;
}

char* ChildStrings::add_joined(std::string_view name, std::string_view value) {
    char* start = reserve(name.size() + value.size() + 1);
    if (start == nullptr) return nullptr;
    char* middle = std::copy(name.begin(), name.end(), start);
    *std::copy(value.begin(), value.end(), middle) = '\0';
    add(start);
    return middle;
}

const char* ChildStrings::keep(std::string_view text) {
    char* start = reserve(text.size() + 1);
    if (start == nullptr) return nullptr;
    *std::copy(text.begin(), text.end(), start) = '\0';
    return start;
}

char* const* ChildStrings::end_list() {
    char* const* list = scratch_.pointers.data() + list_;
    scratch_.pointers[pointers_] = nullptr;
    if (pointers_ + 1 < scratch_.pointers.size()) ++pointers_;
    list_ = pointers_;
    return list;
}

void add_environment(ChildStrings& strings, const ExecView& exec, char* const* own) {
    for (; *own != nullptr; ++own) {
        const std::string_view name = name_of(*own);
        if (is_private(name) || lists(exec.environment, name)) continue;
        if (exec.inherit_all || lists(exec.environment_inherit, name)) strings.add(*own);
    }
    for (std::size_t i = 0; i < exec.environment.size(); ++i)
        strings.add(exec.environment.c_str(i));
}

const char* find_path(char* const* environment) {
    for (; *environment != nullptr; ++environment) {
        if (std::strncmp(*environment, "PATH=", 5) == 0) return *environment + 5;
    }
    return nullptr;
}

} // namespace stead::init
