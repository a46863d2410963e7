#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "resources/subject.h"

namespace stead::resources::test {

/// A cgroup hierarchy of plain files: a root that offers controllers, and a guest below it. Files
/// take what is written, so only what the kernel itself would refuse or round is missing.
class FakeTree {
public:
    explicit FakeTree(const std::string& controllers = "cpuset cpu io memory hugetlb pids") {
        std::string folder = std::filesystem::temp_directory_path() / "stead-tree-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) std::abort();
        root_ = folder;
        std::filesystem::create_directories(root_ + "/stead/web");
        put("cgroup.controllers", controllers);
        put("cgroup.subtree_control", "");
        put("stead/cgroup.subtree_control", "");
        put("stead/web/cgroup.procs", "");
        put("stead/web/cgroup.freeze", "0");
    }

    ~FakeTree() { std::filesystem::remove_all(root_); }

    FakeTree(const FakeTree&) = delete;
    FakeTree& operator=(const FakeTree&) = delete;
    FakeTree(FakeTree&&) = delete;
    FakeTree& operator=(FakeTree&&) = delete;

    void put(const std::string& name, const std::string& text) const {
        std::ofstream(root_ + "/" + name) << text << '\n';
    }

    /// A file of the guest.
    void level(const std::string& name, const std::string& text) const {
        put("stead/web/" + name, text);
    }

    /// What a file of the guest holds, without the newline at its end.
    [[nodiscard]] std::string at(const std::string& name) const {
        std::ifstream file(root_ + "/stead/web/" + name);
        std::string text(std::istreambuf_iterator<char>(file), {});
        while (text.ends_with('\n'))
            text.pop_back();
        return text;
    }

    [[nodiscard]] Subject guest() const {
        Subject subject;
        subject.name = "web";
        subject.cgroup = root_ + "/stead/web";
        subject.above = {root_, root_ + "/stead"};
        return subject;
    }

    [[nodiscard]] const std::string& root() const { return root_; }

private:
    std::string root_;
};

} // namespace stead::resources::test
