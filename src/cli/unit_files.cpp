#include "cli/unit_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "cli/exit_codes.h"
#include "sys/file.h"
#include "sys/unique_fd.h"

namespace stead::cli {

namespace {

constexpr mode_t kFileMode = 0644;
constexpr mode_t kFolderMode = 0755;

/// The folder while files come into it; what is half done is removed at the end.
class Batch {
public:
    explicit Batch(int folder)
        : folder_(folder) {}

    ~Batch() {
        // What cannot be removed any more is nobody's loss.
        for (const std::string& name : temporary_)
            (void)sys::remove_at(folder_, name.c_str(), false);
        if (kept_) return;
        for (const std::string& name : moved_)
            (void)sys::remove_at(folder_, name.c_str(), false);
    }

    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    Batch(Batch&&) = delete;
    Batch& operator=(Batch&&) = delete;

    Result<void> write(const NewFile& file) {
        const std::string name = temporary_name(file);
        // A leftover of a process that was killed and had our number.
        (void)sys::remove_at(folder_, name.c_str(), false);
        auto open = sys::open_at(folder_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                                 kFileMode);
        if (!open) return open.error();
        temporary_.push_back(name);
        return sys::write_full(open->get(), file.text);
    }

    /// In the order they were written.
    Result<void> move(const NewFile& file, bool replace) {
        const std::string name = temporary_.front();
        const auto fresh = sys::rename_new(folder_, name.c_str(), file.name.c_str());
        if (!fresh) {
            if (!replace || fresh.error().code != EEXIST) return fresh.error();
            // What replaced another file cannot be taken back.
            TRY(sys::rename_at(folder_, name.c_str(), file.name.c_str()));
        }
        temporary_.erase(temporary_.begin());
        if (fresh) moved_.push_back(file.name);
        return {};
    }

    void keep() { kept_ = true; }

private:
    static std::string temporary_name(const NewFile& file) {
        return "." + file.name.substr(0, 200) + "." + std::to_string(::getpid());
    }

    int folder_;
    std::vector<std::string> temporary_;
    std::vector<std::string> moved_;
    bool kept_ = false;
};

int failed(Console& console, const std::string& folder, const Error& error) {
    console.error("writing to " + safe(folder) + ": " + safe(describe(error).view()));
    return kCouldNot;
}

/// kDone if none of the files is there.
int look_for(Console& console,
             int folder,
             const std::string& path,
             const std::vector<NewFile>& files) {
    int code = kDone;
    for (const NewFile& file : files) {
        if (!sys::status_at(folder, file.name.c_str(), AT_SYMLINK_NOFOLLOW)) continue;
        console.error(safe(path + "/" + file.name) + " is there already; nothing was written");
        code = kAskedWrongly;
    }
    if (code != kDone) console.hint("--force replaces such files");
    return code;
}

} // namespace

int write_unit_files(Console& console,
                     const std::string& folder,
                     const std::vector<NewFile>& files,
                     bool replace) {
    const auto made = sys::make_folder(AT_FDCWD, folder.c_str(), kFolderMode);
    if (!made && made.error().code != EEXIST) return failed(console, folder, made.error());
    auto open = sys::open_at(AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (!open) return failed(console, folder, open.error());
    if (!replace) {
        const int code = look_for(console, open->get(), folder, files);
        if (code != kDone) return code;
    }
    Batch batch(open->get());
    for (const NewFile& file : files)
        if (const auto done = batch.write(file); !done)
            return failed(console, folder, done.error());
    for (const NewFile& file : files)
        if (const auto done = batch.move(file, replace); !done)
            return failed(console, folder, done.error());
    batch.keep();
    return kDone;
}

} // namespace stead::cli
