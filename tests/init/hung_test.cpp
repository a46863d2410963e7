#include <linux/fuse.h>
#include <sys/mount.h>

#include <atomic>
#include <csignal>
#include <cstring>

#include "init/guest.h"

// A process that the kernel cannot end.
namespace stead::test {
namespace {

/// A file system in user space whose owner reads every question and answers none but the first.
class HungFileSystem {
public:
    explicit HungFileSystem(const fs::path& at)
        : at_(at.string())
        , device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        if (!device_) return;
        const std::string options = "fd=" + std::to_string(device_.get()) +
                                    ",rootmode=40000,user_id=0,group_id=0,allow_other";
        mounted_ =
            ::mount("hung", at_.c_str(), "fuse.hung", MS_NOSUID | MS_NODEV, options.c_str()) == 0;
        if (mounted_) server_ = std::thread([this] { serve(); });
    }

    HungFileSystem(const HungFileSystem&) = delete;
    HungFileSystem& operator=(const HungFileSystem&) = delete;
    HungFileSystem(HungFileSystem&&) = delete;
    HungFileSystem& operator=(HungFileSystem&&) = delete;

    /// Whoever waits for an answer gets an error.
    ~HungFileSystem() {
        enough_ = true;
        if (server_.joinable()) server_.join();
        if (mounted_) ::umount2(at_.c_str(), MNT_DETACH);
        device_.reset();
    }

    [[nodiscard]] bool mounted() const { return mounted_; }

    /// Whether somebody waits whom nobody can help.
    [[nodiscard]] bool holds_somebody() const { return asked_; }

private:
    void serve() {
        std::vector<char> question(1U << 17U);
        while (!enough_) {
            pollfd ready{device_.get(), POLLIN, 0};
            if (::poll(&ready, 1, 20) != 1) continue;
            const ssize_t size = ::read(device_.get(), question.data(), question.size());
            if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
            fuse_in_header header{};
            std::memcpy(&header, question.data(), sizeof header);
            if (header.opcode != FUSE_INIT) {
                asked_ = true;
                continue;
            }

            struct {
                fuse_out_header header;
                fuse_init_out init;
            } answer{};

            answer.header.len = sizeof answer;
            answer.header.unique = header.unique;
            answer.init.major = FUSE_KERNEL_VERSION;
            answer.init.minor = FUSE_KERNEL_MINOR_VERSION;
            answer.init.max_write = 4096;
            (void)!::write(device_.get(), &answer, sizeof answer);
        }
    }

    std::string at_;
    sys::UniqueFd device_;
    bool mounted_ = false;
    std::atomic<bool> enough_{false};
    std::atomic<bool> asked_{false};
    std::thread server_;
};

TEST(Hung, ProcessIsNamedAndLeftBehindWhenTheBudgetIsSpent) {
    const TemporaryFolder folder;
    const fs::path at = folder.path() / "hung";
    fs::create_directory(at);
    std::optional<HungFileSystem> hung(std::in_place, at);
    if (!hung->mounted()) GTEST_SKIP() << "needs file systems in user space (/dev/fuse)";
    plan::UnitInput stuck = service("stuck", {"/bin/cat", (at / "file").string()});
    stuck.policy.stop[0] = {.wait_ms = 200, .signal = SIGTERM};
    // A child before exec may leave no memory to another: the guest is no PID namespace here,
    // whose end would wait for the process in the kernel.
    Guest guest({"--stop-timeout", "1500ms",
                 write_plan(folder.path(), {stuck, service("well", {"sleep", "1000"})})});
    ASSERT_TRUE(eventually([&] { return hung->holds_somebody(); })) << guest.said();
    const auto start = std::chrono::steady_clock::now();
    guest.signal(SIGTERM);
    EXPECT_TRUE(guest.wait(8s).has_value()) << guest.said();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 6s);
    EXPECT_NE(guest.said().find("stuck"), std::string::npos) << guest.said();
    EXPECT_NE(guest.said().find("does not end"), std::string::npos) << guest.said();
    // Lets go of the process, so that the guest's cgroup can be removed.
    hung.reset();
}

} // namespace
} // namespace stead::test
