#include "system/image_root.h"

#include <filesystem>

namespace stead::system_test {

namespace fs = std::filesystem;

std::string make_busybox_root(const Host& host) {
    const std::string root = host.folder() + "/root";
    for (const char* folder : {"bin", "sbin", "etc/stead/units", "proc", "sys", "dev", "run", "tmp",
                               "root", "usr/bin", "usr/sbin", "var/lib"})
        fs::create_directories(root + "/" + folder);
    fs::copy_file("/bin/busybox", root + "/bin/busybox");
    for (const char* name : {"sh", "cat", "ls", "sleep", "touch", "rm", "mkdir", "hostname", "id",
                             "mv", "ln", "chmod", "chown", "stat", "find", "readlink", "grep"})
        fs::create_symlink("busybox", root + "/bin/" + name);
    write_text(root + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n");
    write_text(root + "/etc/group", "root:x:0:\napp:x:1000:\n");
    write_text(root + "/etc/stead/units/it.toml", "command = \"/bin/sleep 100000\"\n");
    std::string tar = host.folder() + "/busybox.tar";
    (void)run_program({"tar", "-C", root, "-cf", tar, "."});
    return tar;
}

} // namespace stead::system_test
