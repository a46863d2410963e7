#include "keep/log_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "sys/file.h"
#include "sys/stream.h"

namespace stead::keep {

namespace {

constexpr std::uint8_t kNotOpen = 0xff;

std::string_view word_of(LogStream stream) {
    switch (stream) {
    case LogStream::Output:
        return "out";
    case LogStream::Error:
        return "err";
    case LogStream::Say:
        return "say";
    case LogStream::Syslog:
        return "sys";
    case LogStream::Mark:
        return "---";
    }
    return "---";
}

using Path = FixedString<kMaxUnitName + 24>;

/// "UNIT/current" for 0, "UNIT/current.NUMBER" else.
Path path_of(const LogFile& file, std::uint32_t number) {
    Path path(file.name.view());
    path.append("/current");
    if (number > 0) path.append(".").append_number(number);
    return path;
}

} // namespace

bool valid_log_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxUnitName || name == "." || name == "..") return false;
    return std::all_of(name.begin(), name.end(),
                       [](char letter) { return letter > ' ' && letter != '/' && letter != 0x7f; });
}

FixedString<32> timestamp(std::int64_t nanoseconds) {
    // Days to a date in the proleptic Gregorian calendar, counted from March so that the leap day
    // ends a year: http://howardhinnant.github.io/date_algorithms.html#civil_from_days. A date that
    // 32 bits of days can hold is late enough, and makes short code.
    constexpr std::uint64_t kSecond = 1'000'000'000;
    constexpr std::uint32_t kDaysTo1970 = 719'468;
    const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
    const std::uint64_t seconds = time / kSecond;
    const std::uint32_t days = static_cast<std::uint32_t>(seconds / 86'400) + kDaysTo1970;
    const std::uint32_t era = days / 146'097;
    const std::uint32_t day_of_era = days % 146'097;
    const std::uint32_t year_of_era =
        (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::uint32_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const std::uint32_t shifted = (5 * day_of_year + 2) / 153;
    const std::uint32_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    const auto second_of_day = static_cast<std::uint32_t>(seconds % 86'400);

    std::array<std::uint32_t, 7> numbers = {era * 400 + year_of_era + (month <= 2 ? 1 : 0),
                                            month,
                                            day_of_year - (153 * shifted + 2) / 5 + 1,
                                            second_of_day / 3600,
                                            second_of_day / 60 % 60,
                                            second_of_day % 60,
                                            static_cast<std::uint32_t>(time % kSecond) / 1000};
    constexpr std::string_view kForm = "0000-00-00T00:00:00.000000";
    std::array<char, kForm.size()> text; // NOLINT(*-member-init): filled below
    std::size_t number = numbers.size() - 1;
    for (std::size_t at = text.size(); at-- > 0;) {
        text[at] = kForm[at];
        if (kForm[at] == '0') {
            text[at] = static_cast<char>('0' + numbers[number] % 10);
            numbers[number] /= 10;
        } else {
            --number;
        }
    }
    return FixedString<32>({text.data(), text.size()}).append("Z");
}

void LogFiles::append(
    LogFile& file, std::int64_t time, LogStream stream, std::string_view text, bool continued) {
    if (folder_ < 0) return;
    const bool full = batch_size_ + 4 * text.size() + kOverhead > kBatch;
    if ((batch_file_ != &file || full) && !flush()) {
        drop(file, problem_);
        ++lost_;
        return;
    }
    if (batch_file_ == nullptr && file.dropped > 0) {
        FixedString<96> mark;
        mark.append_number(static_cast<long long>(file.dropped))
            .append(" lines could not be written");
        const std::string_view why = errno_name(file.problem);
        if (!why.empty()) mark.append(": ").append(why);
        batch_marks_ = file.dropped;
        add_line(time, LogStream::Mark, mark.view(), false);
    }
    batch_file_ = &file;
    add_line(time, stream, text.substr(0, kMaxLine), continued);
    ++batch_lines_;
}

void LogFiles::add_line(std::int64_t time,
                        LogStream stream,
                        std::string_view text,
                        bool continued) {
    const auto put = [&](std::string_view part) {
        std::memcpy(batch_.data() + batch_size_, part.data(), part.size());
        batch_size_ += part.size();
    };
    put(timestamp(time).view());
    put(" ");
    put(word_of(stream));
    put(continued ? "+ " : " ");
    batch_size_ += escape_into(std::span(batch_).subspan(batch_size_), text);
    put("\n");
}

bool LogFiles::flush() {
    if (batch_file_ == nullptr) return true;
    if (!write_batch(*batch_file_)) {
        if (batch_file_->blocks && !hurry_) return false;
        batch_file_->dropped += batch_lines_;
        batch_file_->problem = problem_;
        lost_ += batch_lines_;
    }
    batch_file_ = nullptr;
    batch_size_ = 0;
    batch_lines_ = 0;
    batch_marks_ = 0;
    return true;
}

bool LogFiles::write_batch(LogFile& file) {
    if (!ensure_open(file)) return false;
    const std::uint64_t limit = std::max(file.limit, kMinLogSize);
    if (file.size > 0 && file.size + batch_size_ > limit && !rotate(file)) return false;

    const int fd = opened_[file.opened].fd.get();
    const auto written = sys::write_some(fd, {batch_.data(), batch_size_});
    if (written && *written == batch_size_) {
        file.size += batch_size_;
        file.dropped -= batch_marks_;
        return true;
    }
    // A short write leaves half a line: cut it off again, so that every line of the file is whole.
    if (written && !sys::truncate_file(fd, file.size)) close(file);
    problem_ = written ? ENOSPC : written.error().code;
    return false;
}

bool LogFiles::ensure_open(LogFile& file) {
    if (file.opened != kNotOpen) {
        // A file that somebody removed would take lines nobody will ever see.
        const auto open_one = sys::status_at(opened_[file.opened].fd.get(), "", AT_EMPTY_PATH);
        if (open_one && open_one->st_nlink > 0) return true;
        close(file);
    }
    const Path path = path_of(file, 0);
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    auto fd = sys::open_at(folder_, path.c_str(), kFlags, 0640);
    if (!fd && fd.error().code == ENOENT) {
        (void)sys::make_folder(folder_, file.name.c_str(), 0750); // the next open tells
        fd = sys::open_at(folder_, path.c_str(), kFlags, 0640);
    }
    if (!fd) {
        problem_ = fd.error().code;
        return false;
    }
    const auto status = sys::status_at(fd->get(), "", AT_EMPTY_PATH);
    if (!status || !S_ISREG(status->st_mode)) {
        problem_ = status ? EINVAL : status.error().code;
        return false;
    }
    file.size = static_cast<std::uint64_t>(status->st_size);

    Opened& place = opened_[next_victim_];
    if (place.file != nullptr) place.file->opened = kNotOpen;
    place.file = &file;
    place.fd = std::move(*fd);
    file.opened = static_cast<std::uint8_t>(next_victim_);
    next_victim_ = (next_victim_ + 1) % kOpenFiles;
    return true;
}

bool LogFiles::rotate(LogFile& file) {
    // `stead log-tidy` puts a compressed file in the place of another only while it has this lock,
    // and only after it has seen that the place still is the same.
    (void)sys::hold_folder(folder_);
    const bool done = put_aside(file);
    sys::release_folder(folder_);
    rotated_ = rotated_ || done;
    return done && ensure_open(file);
}

bool LogFiles::put_aside(LogFile& file) {
    const std::uint32_t keep = std::min(file.keep, kMaxLogKeep);
    close(file);
    // Files from a time when more were kept.
    for (std::uint32_t number = keep + 1; number <= kMaxLogKeep; ++number) {
        if (!sys::remove_at(folder_, path_of(file, number).c_str(), false)) break;
    }
    for (std::uint32_t number = keep; number > 0; --number) {
        const Path from = path_of(file, number - 1);
        const auto moved = sys::rename_at(folder_, from.c_str(), path_of(file, number).c_str());
        // A gap in the row is no fault; that the current file stays where it is would break the
        // bound.
        if (!moved && (number == 1 || moved.error().code != ENOENT)) {
            problem_ = moved.error().code;
            return false;
        }
    }
    if (keep == 0) {
        const auto removed = sys::remove_at(folder_, path_of(file, 0).c_str(), false);
        if (!removed && removed.error().code != ENOENT) {
            problem_ = removed.error().code;
            return false;
        }
    }
    return true;
}

void LogFiles::close(LogFile& file) {
    if (file.opened == kNotOpen) return;
    Opened& place = opened_[file.opened];
    place.fd.reset();
    place.file = nullptr;
    file.opened = kNotOpen;
}

} // namespace stead::keep
