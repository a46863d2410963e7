#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <set>

#include "init/guest.h"

/// Makes system calls of one process fail, the n-th that could: every call of the program under
/// test is shown to a thread of the test (seccomp's user notification), which lets it through or
/// answers in the kernel's place. Children inherit the filter and are let through.
namespace stead::test {

/// What can fail in one way.
struct FaultClass {
    const char* name;
    int error;
    std::set<int> calls;
};

class FaultInjector {
public:
    FaultInjector() {
        shared_ = static_cast<std::atomic<int>*>(
            ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
        *shared_ = -1;
        current = this;
    }

    FaultInjector(const FaultInjector&) = delete;
    FaultInjector& operator=(const FaultInjector&) = delete;
    FaultInjector(FaultInjector&&) = delete;
    FaultInjector& operator=(FaultInjector&&) = delete;

    ~FaultInjector() {
        enough_ = true;
        if (server_.joinable()) server_.join();
        ::munmap(shared_, 4096);
        current = nullptr;
    }

    /// For StartOptions::before. It only stores the listener's number: a call that would tell it
    /// would be one of those that wait for the listener.
    static void before_exec() {
        constexpr std::uint32_t kOnlyNumber = 0;
        const std::array<sock_filter, 2> program = {
            sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, kOnlyNumber},
            sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF}};
        const sock_fprog filter{2, const_cast<sock_filter*>(program.data())};
        const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
        *current->shared_ = fd < 0 ? -2 : static_cast<int>(fd);
    }

    /// Begins to answer for the guest that has just been started; false: not on this machine.
    bool serve(pid_t pid) {
        pid_ = pid;
        eventually([&] { return *shared_ != -1; });
        if (*shared_ < 0) return false;
        const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        listener_ =
            sys::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, shared_->load(), 0)));
        ::close(pidfd);
        if (!listener_) return false;
        server_ = std::thread([this] { answer_all(); });
        return true;
    }

    /// From now on the n-th call of `faults` (from 1) fails; with `all`, every one from there.
    void arm(const FaultClass& faults, int n, bool all = false) {
        faults_ = &faults;
        all_ = all;
        hits_ = 0;
        failed_call_ = -1;
        left_ = n;
    }

    /// From now on nothing fails.
    void let_through() { left_ = 0; }

    /// How many calls have failed since `arm`.
    [[nodiscard]] int hits() const { return hits_; }

    /// The last of them.
    [[nodiscard]] int failed_call() const { return failed_call_; }

private:
    void answer_all() {
        while (!enough_) {
            pollfd ready{listener_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 50) != 1) continue;
            if ((ready.revents & POLLIN) == 0) return; // Nobody is left.
            seccomp_notif call{};
            if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
            seccomp_notif_resp answer{};
            answer.id = call.id;
            if (call.pid == static_cast<std::uint32_t>(pid_) && fails(call.data)) {
                answer.error = -faults_->error;
            } else {
                answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
            }
            (void)::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer);
        }
    }

    bool fails(const seccomp_data& call) {
        if (left_ <= 0 || faults_->calls.count(call.nr) == 0) return false;
        // Only the duplicates among its many commands make something.
        constexpr int kDuplicate = 1030; // F_DUPFD_CLOEXEC
        if (call.nr == SYS_fcntl && call.args[1] != kDuplicate) return false;
        if (left_ > 1) {
            --left_;
            return false;
        }
        if (!all_) left_ = 0;
        failed_call_ = call.nr;
        ++hits_;
        return true;
    }

    static inline FaultInjector* current = nullptr;
    std::atomic<int>* shared_ = nullptr;
    pid_t pid_ = 0;
    sys::UniqueFd listener_;
    std::thread server_;
    std::atomic<bool> enough_{false};
    std::atomic<bool> all_{false};
    std::atomic<int> left_{0};
    std::atomic<int> hits_{0};
    std::atomic<int> failed_call_{-1};
    const FaultClass* faults_ = nullptr;
};

} // namespace stead::test
