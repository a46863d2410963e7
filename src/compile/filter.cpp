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

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <utility>

#include <seccomp.h>

namespace stead::compile {

namespace {

using Program = std::vector<sock_filter>;

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

/// Numbers in a row with the same answer.
struct Run {
    std::uint32_t first = 0;
    Answer answer = Answer::Missing;
};

/// Up to the last number there is: what no policy knows is missing, the numbers of x32 with it.
std::vector<Run> runs_of(const CallPolicy& policy) {
    std::vector<Run> runs;
    for (int number = 0; number <= kNewestCall; ++number) {
        const Answer answer = policy.of(number);
        if (runs.empty() || runs.back().answer != answer)
            runs.push_back({static_cast<std::uint32_t>(number), answer});
    }
    if (runs.back().answer != Answer::Missing) runs.push_back({kNewestCall + 1U, Answer::Missing});
    return runs;
}

/// The program that finds a number's run and answers. Its tree compares with the runs' first
/// numbers; below it stand the answers, one of each kind for every hundred comparisons, because a
/// jump reaches 255 instructions; then the argument checks.
class Tree {
public:
    explicit Tree(const CallPolicy& policy)
        : policy_(policy)
        , runs_(runs_of(policy)) {}

    Program build() {
        program_ = {load_word(offsetof(seccomp_data, arch)),
                    jump(BPF_JEQ, ::seccomp_arch_native(), 1, 0), answer(errno_answer(ENOSYS)),
                    load_word(offsetof(seccomp_data, nr))};
        add(runs_);
        add_checks();
        return std::move(program_);
    }

private:
    using Runs = std::span<const Run>;

    static constexpr std::size_t kMaxReach = 100;

    static sock_filter load_word(std::size_t offset) {
        return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
    }

    [[nodiscard]] static bool is_checked(Answer kind) {
        return kind > Answer::Deny && kind < Answer::Allow;
    }

    /// Where to part `runs`. The kernel remembers which numbers it always allows and runs the
    /// program for the others alone, so those that are checked shall have a short way.
    [[nodiscard]] static std::size_t middle_of(Runs runs) {
        constexpr std::size_t kChecked = 16;
        const auto weight = [](const Run& run) {
            return is_checked(run.answer) ? kChecked : std::size_t{1};
        };
        std::size_t all = 0;
        for (const Run& run : runs)
            all += weight(run);
        std::size_t before = weight(runs.front());
        std::size_t middle = 1;
        while (middle + 1 < runs.size() && 2 * before + weight(runs[middle]) <= all)
            before += weight(runs[middle++]);
        return middle;
    }

    void add(Runs runs) {
        if (runs.size() <= kMaxReach) return add_near(runs);
        const std::size_t middle = middle_of(runs);
        program_.push_back(jump(BPF_JGE, runs[middle].first, 0, 1));
        const std::size_t leap = program_.size();
        program_.push_back(statement(BPF_JMP | BPF_JA, 0));
        add(runs.first(middle));
        program_[leap].k = static_cast<std::uint32_t>(program_.size() - leap - 1);
        add(runs.subspan(middle));
    }

    /// A tree all of whose jumps reach its answers, and these.
    void add_near(Runs runs) {
        const std::size_t begin = program_.size();
        // Every run but the first is compared with once.
        answers_begin_ = begin + runs.size() - 1;
        answers_.clear();
        if (runs.size() > 1) {
            add_comparisons(runs);
        } else {
            answers_.push_back(runs.front().answer);
        }
        for (const Answer kind : answers_)
            add_answer(kind);
    }

    void add_comparisons(Runs runs) {
        const std::size_t middle = middle_of(runs);
        const std::size_t at = program_.size();
        program_.push_back(jump(BPF_JGE, runs[middle].first, 0, 0));
        program_[at].jf = add_side(runs.first(middle), at);
        program_[at].jt = add_side(runs.subspan(middle), at);
    }

    /// How far it is from the comparison at `at` to what decides `runs`.
    std::uint8_t add_side(Runs runs, std::size_t at) {
        std::size_t target = program_.size();
        if (runs.size() > 1) {
            add_comparisons(runs);
        } else {
            const auto known = std::find(answers_.begin(), answers_.end(), runs.front().answer);
            target = answers_begin_ + static_cast<std::size_t>(known - answers_.begin());
            if (known == answers_.end()) answers_.push_back(runs.front().answer);
        }
        return static_cast<std::uint8_t>(target - at - 1);
    }

    void add_answer(Answer kind) {
        if (is_checked(kind)) {
            checks_.emplace_back(program_.size(), kind);
            program_.push_back(statement(BPF_JMP | BPF_JA, 0));
            return;
        }
        program_.push_back(answer(kind == Answer::Allow  ? SECCOMP_RET_ALLOW
                                  : kind == Answer::Deny ? policy_.refusal()
                                                         : errno_answer(ENOSYS)));
    }

    void add_checks() {
        std::array<std::size_t, kAnswers> check_at{};
        for (const auto& [at, kind] : checks_) {
            std::size_t& check = check_at[static_cast<std::size_t>(kind)];
            if (check == 0) {
                check = program_.size();
                append(program_, check_of(kind, policy_));
            }
            program_[at].k = static_cast<std::uint32_t>(check - at - 1);
        }
    }

    const CallPolicy& policy_;
    std::vector<Run> runs_;
    Program program_;
    /// Of the tree that is being made.
    std::size_t answers_begin_ = 0;
    std::vector<Answer> answers_;
    /// Jumps to argument checks.
    std::vector<std::pair<std::size_t, Answer>> checks_;
};

} // namespace

Result<std::vector<std::uint64_t>> build_filter(const CallPolicy& policy) {
    const Program program = Tree(policy).build();
    if (program.size() > BPF_MAXINSNS) return make_error("filter", "too long", E2BIG);

    static_assert(sizeof(sock_filter) == sizeof(std::uint64_t));
    std::vector<std::uint64_t> words(program.size());
    std::memcpy(words.data(), program.data(), program.size() * sizeof(sock_filter));
    return words;
}

} // namespace stead::compile
