#include "compile/filter.h"

#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>

#include <seccomp.h>

namespace stead::compile {

namespace {

using Program = std::vector<sock_filter>;

/// libseccomp can give one call one answer, or answers by argument with the default for the rest,
/// and the default is needed for unknown numbers. So every answer that is not its default or ALLOW
/// goes in as SECCOMP_RET_TRACE with a number of ours, and comes out replaced: by the refusal, or
/// by a jump to the argument check behind the tree.
constexpr std::uint32_t kMarker = SECCOMP_RET_TRACE | 0x5ea0U;

constexpr std::uint32_t errno_answer(int code) {
    return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(code);
}

/// CLONE_NEWTIME lies among the signal bits of clone's flags, where it means a signal.
constexpr std::uint32_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                          CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
                                          CLONE_NEWNET;
constexpr std::uint32_t kNewTime = 0x80;

sock_filter statement(unsigned code, std::uint32_t value) {
    return {static_cast<std::uint16_t>(code), 0, 0, value};
}

sock_filter jump(unsigned code, std::uint32_t value, std::size_t yes, std::size_t no) {
    return {static_cast<std::uint16_t>(BPF_JMP | BPF_K | code), static_cast<std::uint8_t>(yes),
            static_cast<std::uint8_t>(no), value};
}

sock_filter answer(std::uint32_t value) {
    return statement(BPF_RET | BPF_K, value);
}

/// Loads the low word of argument `index`: that is what the kernel reads of an int, so a program
/// cannot slip past by setting high bits.
sock_filter load_argument(unsigned index) {
    const std::size_t low = std::endian::native == std::endian::little ? 0 : 4;
    return statement(
        BPF_LD | BPF_W | BPF_ABS,
        static_cast<std::uint32_t>(offsetof(seccomp_data, args) + std::size_t{8} * index + low));
}

void append(Program& program, const Program& more) {
    program.insert(program.end(), more.begin(), more.end());
}

/// Compares what is loaded with each value: `hit` for an equal one, else `miss`.
Program one_of(std::initializer_list<std::uint32_t> values, std::uint32_t hit, std::uint32_t miss) {
    Program program;
    std::size_t left = values.size();
    for (const std::uint32_t value : values)
        program.push_back(jump(BPF_JEQ, value, left--, 0));
    program.push_back(answer(miss));
    program.push_back(answer(hit));
    return program;
}

Program argument_one_of(unsigned index,
                        std::initializer_list<std::uint32_t> values,
                        std::uint32_t hit,
                        std::uint32_t miss) {
    Program program{load_argument(index)};
    append(program, one_of(values, hit, miss));
    return program;
}

Program no_flag(unsigned index, std::uint32_t mask, std::uint32_t refusal) {
    return {load_argument(index), jump(BPF_JSET, mask, 0, 1), answer(refusal),
            answer(SECCOMP_RET_ALLOW)};
}

/// With the family loaded: those of `families`, by bit. An IPv4 socket of the obsolete type
/// SOCK_PACKET is one of AF_PACKET in the kernel's eyes, packet(7).
Program one_of_families(std::uint64_t families) {
    constexpr std::uint32_t kTypeBits = 0xf;
    const bool old_packets = (families >> AF_PACKET & 1U) != 0;
    const bool internet = (families >> AF_INET & 1U) != 0 && !old_packets;
    std::vector<std::uint32_t> values;
    for (std::uint32_t family = 0; family < 64; ++family)
        if ((families >> family & 1U) != 0 && !(internet && family == AF_INET))
            values.push_back(family);
    Program program;
    // Behind the comparisons: the one with AF_INET and its three steps, the refusal, the leave.
    const std::size_t behind = internet ? 5 : 1;
    for (std::size_t i = 0; i < values.size(); ++i)
        program.push_back(jump(BPF_JEQ, values[i], values.size() - i - 1 + behind, 0));
    if (internet) {
        program.push_back(jump(BPF_JEQ, AF_INET, 0, 3));
        program.push_back(load_argument(1));
        program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, kTypeBits));
        program.push_back(jump(BPF_JEQ, SOCK_PACKET, 0, 1));
    }
    program.push_back(answer(errno_answer(EAFNOSUPPORT)));
    program.push_back(answer(SECCOMP_RET_ALLOW));
    return program;
}

/// Unix and internet sockets, and five protocols of netlink where it `may_netlink`.
Program check_socket(std::uint64_t families, bool may_netlink) {
    constexpr std::uint64_t kPlain =
        std::uint64_t{1} << AF_UNIX | std::uint64_t{1} << AF_INET | std::uint64_t{1} << AF_INET6;
    Program program{load_argument(0)};
    if (may_netlink && (families >> AF_NETLINK & 1U) != 0) {
        // Behind the first jump: the load, five comparisons and two answers about the protocols.
        append(program, {jump(BPF_JEQ, AF_NETLINK, 0, 8), load_argument(2)});
        append(program, one_of({NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT, NETLINK_SOCK_DIAG,
                                NETLINK_GENERIC, NETLINK_NETFILTER},
                               SECCOMP_RET_ALLOW, errno_answer(EAFNOSUPPORT)));
    }
    append(program, one_of_families(families & kPlain));
    return program;
}

/// Not all bits of `mask` together in argument `index`.
Program not_all_of(unsigned index, std::uint32_t mask, std::uint32_t refusal) {
    return {load_argument(index), statement(BPF_ALU | BPF_AND | BPF_K, mask),
            jump(BPF_JEQ, mask, 0, 1), answer(refusal), answer(SECCOMP_RET_ALLOW)};
}

Program check_mknod(unsigned index, std::uint32_t refusal) {
    Program program{load_argument(index), statement(BPF_ALU | BPF_AND | BPF_K, S_IFMT)};
    append(program, one_of({0, S_IFREG, S_IFIFO, S_IFSOCK}, SECCOMP_RET_ALLOW, refusal));
    return program;
}

/// The instructions that decide a checked answer; empty for one that needs none.
Program check_of(Answer kind, const CallPolicy& policy) {
    const std::uint32_t refusal = policy.refusal();
    const std::uint64_t families = policy.families();
#ifdef __s390__
    constexpr unsigned kCloneFlags = 1;
#else
    constexpr unsigned kCloneFlags = 0;
#endif
    switch (kind) {
    case Answer::Missing:
    case Answer::Deny:
    case Answer::Allow:
        return {};
    case Answer::SocketPlain:
    case Answer::Socket:
        return check_socket(families, kind == Answer::Socket);
    case Answer::SocketPair:
    case Answer::AnyFamily: {
        const std::uint64_t all = kind == Answer::AnyFamily ? ~std::uint64_t{0} : 1U << AF_UNIX;
        Program program{load_argument(0)};
        append(program, one_of_families(families & all));
        return program;
    }
    case Answer::Clone:
        return no_flag(kCloneFlags, kNamespaceFlags, refusal);
    case Answer::Unshare:
        return no_flag(0, kNamespaceFlags | kNewTime, refusal);
    case Answer::CloneNamespaces:
        return no_flag(kCloneFlags, CLONE_NEWUSER, refusal);
    case Answer::UnshareNamespaces:
        return no_flag(0, CLONE_NEWUSER, refusal);
    case Answer::Ioctl:
        if (policy.keeps_projects())
            return argument_one_of(
                1, {TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR},
                refusal, SECCOMP_RET_ALLOW);
        return argument_one_of(1, {TIOCSTI, TIOCLINUX, TIOCCONS, TIOCSETD}, refusal,
                               SECCOMP_RET_ALLOW);
    case Answer::Personality:
        // PER_LINUX, PER_LINUX32, both with UNAME26, ADDR_NO_RANDOMIZE for debuggers, the question.
        return argument_one_of(0, {0, 8, 0x20000, 0x20008, 0x40000, 0xffffffff}, SECCOMP_RET_ALLOW,
                               refusal);
    case Answer::PersonalityQuery:
        return argument_one_of(0, {0, 0xffffffff}, SECCOMP_RET_ALLOW, refusal);
    case Answer::Mknod:
        return check_mknod(1, refusal);
    case Answer::Mknodat:
        return check_mknod(2, refusal);
    case Answer::Map:
        return not_all_of(2, PROT_WRITE | PROT_EXEC, refusal);
    case Answer::Protect:
        return no_flag(2, PROT_EXEC, refusal);
    case Answer::Attach:
        return no_flag(2, SHM_EXEC, refusal);
    }
    return {};
}

struct ReleaseFilter {
    void operator()(void* context) const { ::seccomp_release(context); }
};

using Filter = std::unique_ptr<void, ReleaseFilter>;

/// libseccomp answers a negative errno.
Error failure(const char* operation, int code, int call = -1) {
    return make_error(operation, call < 0 ? std::string() : call_name(call), -code);
}

Result<Filter> fill(const CallPolicy& policy) {
    Filter filter(::seccomp_init(SCMP_ACT_ERRNO(ENOSYS)));
    if (!filter) return make_error("seccomp_init", {}, ENOMEM);
    for (const auto& [attribute, value] :
         {std::pair{SCMP_FLTATR_ACT_BADARCH, static_cast<std::uint32_t>(SCMP_ACT_ERRNO(ENOSYS))},
          std::pair{SCMP_FLTATR_CTL_OPTIMIZE, 2U}}) {
        const int done = ::seccomp_attr_set(filter.get(), attribute, value);
        if (done < 0) return failure("seccomp_attr_set", done);
    }
    for (int number = 0; number <= kNewestCall; ++number) {
        const Answer kind = policy.of(number);
        if (kind == Answer::Missing) continue;
        const std::uint32_t action =
            kind == Answer::Allow ? SCMP_ACT_ALLOW : kMarker + static_cast<std::uint32_t>(kind);
        const int done = ::seccomp_rule_add_exact(filter.get(), action, number, 0);
        if (done < 0) return failure("seccomp_rule_add", done, number);
    }
    return filter;
}

/// libseccomp 2.5 writes a program to a descriptor and nowhere else.
Result<Program> export_program(const Filter& filter) {
    const int fd = ::memfd_create("filter", MFD_CLOEXEC);
    if (fd < 0) return last_error("memfd_create");
    const int done = ::seccomp_export_bpf(filter.get(), fd);
    const off_t size = ::lseek(fd, 0, SEEK_END);
    Program program(size > 0 ? static_cast<std::size_t>(size) / sizeof(sock_filter) : 0);
    const ssize_t got = ::pread(fd, program.data(), program.size() * sizeof(sock_filter), 0);
    ::close(fd);
    if (done < 0) return failure("seccomp_export_bpf", done);
    if (program.empty() || got != size) return make_error("seccomp_export_bpf", {}, EIO);
    return program;
}

/// Replaces each marker by what it stands for and appends the checks that are needed.
Program resolve_markers(Program program, const CallPolicy& policy) {
    std::array<std::size_t, kAnswers> check_at{};
    const std::size_t tree = program.size();
    for (std::size_t at = 0; at < tree; ++at) {
        if (program[at].code != (BPF_RET | BPF_K)) continue;
        const std::uint32_t kind = program[at].k - kMarker;
        if (program[at].k < kMarker || kind >= kAnswers) continue;
        if (kind == static_cast<std::uint32_t>(Answer::Deny)) {
            program[at].k = policy.refusal();
            continue;
        }
        if (check_at[kind] == 0) {
            check_at[kind] = program.size();
            append(program, check_of(static_cast<Answer>(kind), policy));
        }
        program[at] =
            statement(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(check_at[kind] - at - 1));
    }
    return program;
}

} // namespace

Result<std::vector<std::uint64_t>> build_filter(const CallPolicy& policy) {
    const Filter filter = TRY(fill(policy));
    const Program program = resolve_markers(TRY(export_program(filter)), policy);
    if (program.size() > BPF_MAXINSNS) return make_error("filter", "too long", E2BIG);

    static_assert(sizeof(sock_filter) == sizeof(std::uint64_t));
    std::vector<std::uint64_t> words(program.size());
    std::memcpy(words.data(), program.data(), program.size() * sizeof(sock_filter));
    return words;
}

} // namespace stead::compile
