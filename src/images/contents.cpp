#include "images/contents.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <pthread.h>

#include "sys/stream.h"
#include "sys/tree.h"

namespace stead::images {

namespace {

/// More do not make a disk faster.
constexpr std::size_t kMaxThreads = 8;
/// Files that wait, two descriptors each.
constexpr std::size_t kMaxWaiting = 64;
/// A thread's stack: a buffer, and the two of a file's attributes.
constexpr std::size_t kStack = std::size_t{1} << 20U;
constexpr std::size_t kBuffer = std::size_t{1} << 17U;
/// At once, so that progress is seen and an error ends it soon.
constexpr std::uint64_t kChunk = std::uint64_t{1} << 24U;

std::size_t processors() {
    cpu_set_t set;
    if (::sched_getaffinity(0, sizeof set, &set) < 0) return 1; // more than 1024 of them
    return std::clamp<std::size_t>(static_cast<std::size_t>(CPU_COUNT(&set)), 1, kMaxThreads);
}

/// What copy_file_range(2) says where it cannot: of other file systems, of a kind of them, ever.
bool needs_memory(int code) {
    return code == EXDEV || code == EINVAL || code == EOPNOTSUPP || code == ENOSYS;
}

/// Errors keep their subjects by thread: this one is made again by the one that tells it.
struct Failed {
    [[nodiscard]] Error error() const { return make_error(operation, path, code); }

    const char* operation = "";
    std::string path;
    int code = 0;
};

} // namespace

struct Contents::State {
    State(Finish finish_, Progress progress_)
        : finish(finish_)
        , progress(progress_) {}

    static void* work(void* state) {
        static_cast<State*>(state)->take_all();
        return nullptr;
    }

    void take_all() {
        std::unique_lock held(lock);
        for (;;) {
            more.wait(held, [this] { return ended || !waiting.empty(); });
            if (waiting.empty()) return;
            const Content content = std::move(waiting.front());
            waiting.pop_front();
            ++busy;
            room.notify_one();
            const bool skipped = failure.has_value();
            held.unlock();
            const Result<void> done = skipped ? Result<void>() : copy(content);
            held.lock();
            --busy;
            if (!done && !failure)
                failure = Failed{done.error().operation, content.path, done.error().code};
            if (failure) room.notify_all();
            if (busy == 0 && waiting.empty()) idle.notify_all();
        }
    }

    Result<void> copy(const Content& content) {
        TRY(fill(content.source.get(), content.target.get(), content.size));
        return finish(content);
    }

    Result<void> fill(int from, int to, std::uint64_t size) {
        if (size == 0) return {};
        if (share && sys::share_content(from, to)) {
            count(size);
            return {};
        }
        share = false;
        TRY(sys::set_size(to, size));
        for (std::uint64_t at = 0; at < size;) {
            const auto data = sys::next_data(from, at);
            if (!data && data.error().code == ENXIO) break; // holes up to the end
            at = data ? *data : at;
            const auto hole = data ? sys::next_hole(from, at) : Result<std::uint64_t>(size);
            const std::uint64_t end = hole ? std::min(*hole, size) : size;
            while (at < end) {
                const std::size_t got = TRY(copy_some(from, to, at, std::min(kChunk, end - at)));
                if (got == 0) return {}; // cut meanwhile
                at += got;
                count(got);
            }
        }
        return {};
    }

    Result<std::size_t> copy_some(int from, int to, std::uint64_t at, std::uint64_t size) {
        if (in_kernel) {
            const auto copied = sys::copy_range(from, to, at, size);
            if (copied || !needs_memory(copied.error().code)) return copied;
            in_kernel = false;
        }
        std::array<char, kBuffer> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init)
        const auto part = std::span(buffer).first(std::min<std::uint64_t>(size, kBuffer));
        const std::size_t got = TRY(sys::read_at(from, part, at));
        TRY(sys::write_at(to, std::as_bytes(part.first(got)), at));
        return got;
    }

    void count(std::uint64_t size) {
        const std::scoped_lock held(counting);
        bytes += size;
        progress(bytes);
    }

    Finish finish;
    Progress progress;
    std::vector<pthread_t> threads;

    std::mutex lock;
    /// There is work, or its end.
    std::condition_variable more;
    /// There is room for work, or a failure.
    std::condition_variable room;
    std::condition_variable idle;
    std::deque<Content> waiting;
    std::size_t busy = 0;
    bool ended = false;
    std::optional<Failed> failure;

    std::mutex counting;
    std::uint64_t bytes = 0;
    /// False once the file system has said that it cannot.
    std::atomic<bool> share = true;
    std::atomic<bool> in_kernel = true;
};

Contents::Contents(Finish finish, Progress progress, std::size_t threads)
    : state_(std::make_unique<State>(finish, progress)) {
    pthread_attr_t attributes;
    if (::pthread_attr_init(&attributes) != 0) return;
    (void)::pthread_attr_setstacksize(&attributes, kStack);
    const std::size_t count = threads == 0 ? processors() : std::min(threads, kMaxThreads);
    for (std::size_t index = 0; index < count; ++index) {
        pthread_t thread{};
        // Where no thread may be made (a limit of tasks), the caller's does the work.
        if (::pthread_create(&thread, &attributes, &State::work, state_.get()) != 0) break;
        state_->threads.push_back(thread);
    }
    (void)::pthread_attr_destroy(&attributes);
}

Contents::~Contents() {
    {
        const std::scoped_lock held(state_->lock);
        state_->ended = true;
        state_->waiting.clear();
    }
    state_->more.notify_all();
    for (const pthread_t thread : state_->threads)
        (void)::pthread_join(thread, nullptr);
}

Result<void> Contents::add(Content content) {
    if (state_->threads.empty()) {
        const auto done = state_->copy(content);
        return done ? done
                    : Failed{done.error().operation, content.path, done.error().code}.error();
    }
    std::unique_lock held(state_->lock);
    state_->room.wait(held, [this] {
        return state_->failure.has_value() || state_->waiting.size() < kMaxWaiting;
    });
    if (state_->failure) return state_->failure->error();
    state_->waiting.push_back(std::move(content));
    state_->more.notify_one();
    return {};
}

Result<std::uint64_t> Contents::wait() {
    std::unique_lock held(state_->lock);
    state_->idle.wait(held, [this] { return state_->busy == 0 && state_->waiting.empty(); });
    if (state_->failure) return state_->failure->error();
    return state_->bytes;
}

} // namespace stead::images
