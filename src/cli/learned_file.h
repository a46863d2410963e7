#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace stead::cli {

/// Where the learned file goes. It is opened before the run, so that no lesson is lost for a folder
/// that is not there; what stood there before stays until the new text is whole.
class LearnedFile {
public:
    explicit LearnedFile(std::string file)
        : file_(std::move(file)) {}

    ~LearnedFile();

    LearnedFile(const LearnedFile&) = delete;
    LearnedFile& operator=(const LearnedFile&) = delete;
    LearnedFile(LearnedFile&&) = delete;
    LearnedFile& operator=(LearnedFile&&) = delete;

    Result<void> open();
    /// Once; without it what was opened is removed again.
    Result<void> write(std::string_view text);

private:
    std::string file_;
    /// The new file, until it takes the other's place; empty: `file_` itself is written.
    std::string beside_;
    sys::UniqueFd made_;
};

} // namespace stead::cli
