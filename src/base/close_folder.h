#pragma once

#include <dirent.h>

/// The deleter of an open folder, opendir(3): `std::unique_ptr<DIR, CloseFolder>`.
namespace stead {

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
};

} // namespace stead
