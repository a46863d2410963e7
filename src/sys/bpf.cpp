#include "sys/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace stead::sys {

namespace {

static_assert(sizeof(bpf_insn) == sizeof(BpfInstruction));

constexpr std::size_t kMaxPrograms = 64;

std::uint64_t address_of(const void* thing) {
    return reinterpret_cast<std::uintptr_t>(thing);
}

/// The kernel refuses bits it does not know.
bpf_attr no_attributes() {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    return attributes;
}

Result<int> call(unsigned command, bpf_attr& attributes, const char* what) {
    const auto result =
        static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes));
    if (result < 0) return last_error(what);
    return result;
}

} // namespace

Result<UniqueFd> load_bpf(unsigned type,
                          unsigned attach_type,
                          std::span<const BpfInstruction> instructions,
                          const char* name) {
    bpf_attr attributes = no_attributes();
    attributes.prog_type = type;
    attributes.expected_attach_type = attach_type;
    attributes.insns = address_of(instructions.data());
    attributes.insn_cnt = static_cast<std::uint32_t>(instructions.size());
    attributes.license = address_of("GPL");
    std::strncpy(attributes.prog_name, name, sizeof attributes.prog_name - 1);
    return UniqueFd(TRY(call(BPF_PROG_LOAD, attributes, "BPF_PROG_LOAD")));
}

Result<void> attach_bpf(int cgroup, int program, unsigned attach_type, int instead) {
    bpf_attr attributes = no_attributes();
    attributes.target_fd = static_cast<std::uint32_t>(cgroup);
    attributes.attach_bpf_fd = static_cast<std::uint32_t>(program);
    attributes.attach_type = attach_type;
    attributes.attach_flags = BPF_F_ALLOW_MULTI;
    if (instead >= 0) {
        attributes.attach_flags |= BPF_F_REPLACE;
        attributes.replace_bpf_fd = static_cast<std::uint32_t>(instead);
    }
    TRY(call(BPF_PROG_ATTACH, attributes, "BPF_PROG_ATTACH"));
    return {};
}

Result<std::vector<std::uint32_t>> bpf_programs_of(int cgroup, unsigned attach_type) {
    std::vector<std::uint32_t> ids(kMaxPrograms);
    bpf_attr attributes = no_attributes();
    attributes.query.target_fd = static_cast<std::uint32_t>(cgroup);
    attributes.query.attach_type = attach_type;
    attributes.query.prog_ids = address_of(ids.data());
    attributes.query.prog_cnt = kMaxPrograms;
    TRY(call(BPF_PROG_QUERY, attributes, "BPF_PROG_QUERY"));
    ids.resize(std::min<std::size_t>(attributes.query.prog_cnt, kMaxPrograms));
    return ids;
}

Result<UniqueFd> open_bpf(std::uint32_t id) {
    bpf_attr attributes = no_attributes();
    attributes.prog_id = id;
    return UniqueFd(TRY(call(BPF_PROG_GET_FD_BY_ID, attributes, "BPF_PROG_GET_FD_BY_ID")));
}

Result<std::vector<BpfInstruction>> bpf_code_of(int program, std::string_view name) {
    std::vector<BpfInstruction> code(BPF_MAXINSNS);
    bpf_prog_info info;
    std::memset(&info, 0, sizeof info);
    info.xlated_prog_insns = address_of(code.data());
    info.xlated_prog_len = static_cast<std::uint32_t>(code.size() * sizeof(BpfInstruction));
    bpf_attr attributes = no_attributes();
    attributes.info.bpf_fd = static_cast<std::uint32_t>(program);
    attributes.info.info_len = sizeof info;
    attributes.info.info = address_of(&info);
    TRY(call(BPF_OBJ_GET_INFO_BY_FD, attributes, "BPF_OBJ_GET_INFO_BY_FD"));
    const bool ours = std::string_view(info.name, ::strnlen(info.name, sizeof info.name)) == name;
    const bool shown = info.xlated_prog_insns != 0;
    code.resize(ours && shown ? info.xlated_prog_len / sizeof(BpfInstruction) : 0);
    return code;
}

} // namespace stead::sys
