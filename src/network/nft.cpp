#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>

#include "network/rules.h"
#include "sys/clone.h"
#include "sys/descriptors.h"
#include "sys/file.h"
#include "sys/privileges.h"
#include "sys/process.h"
#include "sys/signals.h"
#include "sys/stream.h"

namespace stead::network {

namespace {

constexpr int kCapNetAdmin = 12;
constexpr int kNftLimitMs = 20'000;

const char* find_nft() {
    for (const char* path : {"/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft", "/usr/bin/nft"}) {
        if (::access(path, X_OK) == 0) return path;
    }
    return nullptr;
}

[[noreturn]] void become_nft(const char* program, int script, int complaints, int lock) {
    (void)sys::set_signal_mask(0);
    if (lock >= 0) (void)sys::keep_over_exec(lock, true);
    // Whoever waits for it may be gone, and the lock must not stay with one that hangs.
    ::alarm(kNftLimitMs / 1000 + 1);
    (void)sys::place(script, STDIN_FILENO);
    (void)sys::place(complaints, STDOUT_FILENO);
    (void)sys::place(complaints, STDERR_FILENO);
    std::array<std::string, 3> words{"nft", "-f", "-"};
    std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
    std::array<char*, 1> nothing{nullptr};
    ::execve(program, argv.data(), nothing.data());
    ::_exit(127);
}

/// The first line that nft printed, without where in our script it was.
std::string first_complaint(int file) {
    std::array<char, 512> text{};
    const auto size = sys::read_at(file, text, 0);
    std::string_view line(text.data(), size ? *size : 0);
    line = line.substr(0, line.find('\n'));
    const auto at = line.find("rror: ");
    if (at != std::string_view::npos) line.remove_prefix(at + 6);
    return std::string(line);
}

} // namespace

Result<void> check_means() {
    const auto held = sys::capabilities();
    if (!held || (held->effective >> kCapNetAdmin & 1U) == 0)
        return make_error("a private network needs CAP_NET_ADMIN, which this process lacks; run it "
                          "as root of the machine, or write network.mode = \"none\"",
                          {}, 0);
    if (find_nft() == nullptr)
        return make_error("a private network needs the program nft, which is not installed; "
                          "install nftables (apt install nftables)",
                          {}, 0);
    return {};
}

Result<void> apply_rules(const std::string& script, int lock) {
    const char* const program = find_nft();
    if (program == nullptr) return make_error("nft is missing; install nftables", {}, ENOENT);
    const sys::UniqueFd input = TRY(sys::make_memfd("stead-rules"));
    const sys::UniqueFd complaints = TRY(sys::make_memfd("stead-rules-complaints"));
    TRY(sys::write_full(input.get(), script));
    if (::lseek(input.get(), 0, SEEK_SET) < 0) return last_error("lseek");

    sys::Cloned child = TRY(sys::clone_process(-1));
    if (child.pid == 0) become_nft(program, input.get(), complaints.get(), lock);
    const sys::Process process{std::move(child.pidfd), child.pid};
    const bool in_time = sys::is_readable(process.pidfd.get(), kNftLimitMs);
    if (!in_time) {
        (void)sys::send_signal(process, SIGKILL);
        (void)sys::is_readable(process.pidfd.get(), 1000);
    }
    const auto status = sys::try_reap(process);
    if (!in_time) return make_error("nft", "did not end in time and was killed", ETIMEDOUT);
    if (status && *status && (*status)->success()) return {};
    const std::string complaint = first_complaint(complaints.get());
    // What a kernel without the tables answers.
    for (const int code : {EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT, ENOENT}) {
        if (complaint.find(std::strerror(code)) ==
            std::string::npos) // NOLINT(concurrency-mt-unsafe)
            continue;
        return make_error("this kernel lacks nf_tables, or a part of it that the rules need (load "
                          "nf_tables, nft_chain_nat, nft_fib_inet, nft_masq, nft_reject_inet):",
                          "nft: " + complaint, 0);
    }
    return make_error("nft:", complaint, 0);
}

} // namespace stead::network
