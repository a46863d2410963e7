#include "resources/table.h"

namespace stead::resources {

const Level* find_level(std::string_view key) {
    for (const Level& level : levels()) {
        if (level.key == key) return &level;
    }
    return nullptr;
}

bool waits_for_start(const Level& level) {
    return level.kernel == Kernel::MemoryMerge;
}

const Level* find_file(std::string_view file) {
    for (const Level& level : levels()) {
        if (level.kernel == Kernel::Cgroup && level.object == file) return &level;
    }
    return nullptr;
}

std::string_view controller_of(const Level& level) {
    if (level.kernel != Kernel::Cgroup) return {};
    const std::string_view name = level.object.substr(0, level.object.find('.'));
    return name == "cgroup" ? std::string_view{} : name;
}

std::string object_name(const Level& level) {
    std::string object(level.object);
    switch (level.kernel) {
    case Kernel::Cgroup:
    case Kernel::Rlimit:
    case Kernel::MemoryMerge:
        return object;
    case Kernel::Sysctl:
    case Kernel::PidMax:
        return "/proc/sys/" + object;
    case Kernel::TmpfsSize:
        return "size= of " + object;
    case Kernel::PtyCount:
        return "max= of " + object;
    case Kernel::OomScore:
        return "/proc/PID/" + object;
    case Kernel::DiskQuota:
        return "project quota: " + object;
    case Kernel::Devices:
        return "device program of the cgroup";
    }
    return object;
}

std::string_view describe(Form form) {
    switch (form) {
    case Form::Memory:
        return "a size (\"512M\"), a percentage of the host's memory (\"25%\"), or \"max\"";
    case Form::Flag:
        return "true or false";
    case Form::Count:
        return "a number, or \"max\"";
    case Form::Things:
        return "a number, thousands (\"20k\") or millions (\"2M\") of them, or \"max\"";
    case Form::Space:
        return "a size (\"10G\"), or \"max\"";
    case Form::Number:
        return "a number";
    case Form::Cpu:
        return "a percentage of one processor (\"150%\"), a number of processors (2.5), or \"max\"";
    case Form::Time:
        return "a duration (\"50ms\")";
    case Form::Percent:
        return "a percentage (\"50%\"), or \"max\"";
    case Form::List:
        return "numbers and ranges (\"0-3,5\")";
    case Form::Word:
        return "a word";
    case Form::Io:
        return "a disk, by its device or a path on it, with rbps=, wbps= (sizes), riops= and "
               "wiops= (\"/dev/sda rbps=10M wiops=100\"), or a list of them";
    case Form::IoLatency:
        return "a disk and a duration (\"/dev/sda 10ms\"), or a list of them";
    case Form::Entries:
        return "a line as the kernel has it (\"mlx5_0 hca_handle=2\"), or a list of them";
    case Form::DeviceList:
        return "a device by its path, with \"r\" or \"w\" behind it if that is all (\"/dev/fuse\", "
               "\"/dev/sdb r\"), a list of them, or \"none\"";
    case Form::Sem:
        return "four numbers (\"32000 1024000000 500 32000\")";
    case Form::LimitCount:
        return "a number, \"SOFT:HARD\" or \"infinity\"";
    case Form::LimitBytes:
        return "a size, \"SOFT:HARD\" or \"infinity\"";
    case Form::LimitSeconds:
    case Form::LimitMicroseconds:
        return "a duration, \"SOFT:HARD\" or \"infinity\"";
    }
    return {};
}

} // namespace stead::resources
