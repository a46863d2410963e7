#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "guests/guests.h"

namespace stead::guests {

/// Host state of its own for one test, gone at its end.
class TemporaryHost {
public:
    TemporaryHost() {
        std::string pattern = "/tmp/stead-test.XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        paths_.runtime = folder_ + "/run";
        paths_.state = folder_ + "/lib";
        paths_.config = folder_ + "/etc";
    }

    TemporaryHost(const TemporaryHost&) = delete;
    TemporaryHost& operator=(const TemporaryHost&) = delete;
    TemporaryHost(TemporaryHost&&) = delete;
    TemporaryHost& operator=(TemporaryHost&&) = delete;

    ~TemporaryHost() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    [[nodiscard]] const Paths& paths() const { return paths_; }

    [[nodiscard]] const std::string& folder() const { return folder_; }

private:
    std::string folder_;
    Paths paths_;
};

} // namespace stead::guests
