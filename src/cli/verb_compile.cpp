#include <fcntl.h>

#include "cli/options.h"
#include "cli/unit_set.h"
#include "cli/verbs.h"
#include "guests/guests.h"
#include "guests/state.h"
#include "sys/file.h"

namespace stead::cli {

int verb_compile(Context& context, Arguments arguments) {
    std::string folder;
    std::string output;
    std::string root = "/";
    Options options(context, "compile");
    options.positional("DIR", folder, "a folder of unit files");
    options.value("-o,--output", output, "FILE", "the plan to write");
    options.value("--root", root, "DIR", "look up users and groups in this root (/)");
    options.footer("'stead-init FILE' boots from the plan and needs no other file of Stead's.");
    if (const auto code = options.parse(arguments)) return *code;
    Console& console = context.console;
    if (output.empty()) {
        console.error("compile needs -o FILE: where to write the plan");
        return kAskedWrongly;
    }
    if (!sys::status_at(AT_FDCWD, folder.c_str(), 0)) {
        console.error("there is no folder " + safe(folder));
        return kCouldNot;
    }

    UnitSet set;
    set.folders = {folder};
    set.root = root;
    set.foreign = true;
    // What the container will give is not known where its image is built; PID 1 cuts to it.
    set.ceiling = ~std::uint64_t{0};
    const int code = compile_unit_set(context, set);
    if (code != kDone) return code;
    const std::string_view image(reinterpret_cast<const char*>(set.image.data()), set.image.size());
    const auto written = guests::replace_file(AT_FDCWD, output.c_str(), image, 0644);
    if (!written) {
        console.error(describe(written.error()).view());
        return kCouldNot;
    }
    return kDone;
}

} // namespace stead::cli
