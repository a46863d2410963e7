#include "cli/asking.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "cli/options.h"
#include "cli/words.h"
#include "model/names.h"
#include "sys/clock.h"

namespace stead::cli {

namespace {

using wire::Kind;
using wire::Tag;

/// After this long a person wants to know what takes time.
constexpr Duration kSilence = 1_s;

/// Adds `answer` to `reply`; true when it was the End.
bool collect(Answer& answer, Reply& reply) {
    const wire::Reader& message = *answer.reader;
    if (message.kind() == Kind::Guest) reply.guest = read_guest(message);
    if (message.kind() == Kind::Unit) reply.units.push_back(read_unit(message));
    if (message.kind() != Kind::End) return false;
    reply.code = static_cast<int>(std::clamp<std::int64_t>(message.number(Tag::Code), 0, 255));
    reply.text = std::string(message.text(Tag::Text));
    reply.descriptors = std::move(answer.descriptors);
    const std::int64_t stage = message.number(Tag::ReasonStage);
    if (stage >= 0 && stage <= static_cast<std::int64_t>(SpawnStage::Sockets))
        reply.stage = static_cast<SpawnStage>(stage);
    reply.error = static_cast<int>(message.number(Tag::ReasonError) & 0xfff);
    return true;
}

} // namespace

Asking::Asking(Context& context, Place place)
    : context_(context)
    , place_(std::move(place)) {
    if (!place_.on_host() || context_.cleared) return;
    context_.cleared = guests::clear_ended(place_.paths());
}

int Asking::fail(int code, std::string_view text, std::string_view hint) {
    console().error(text);
    if (!hint.empty()) console().hint(hint);
    code_ = code;
    return code;
}

void Asking::no_such(std::string_view what,
                     std::string_view name,
                     const std::vector<std::string>& known) {
    std::string hint;
    for (const std::string& near : nearest(name, known))
        hint.append(hint.empty() ? "did you mean " : " or ").append(safe(near));
    if (!hint.empty()) hint.append("?");
    if (hint.empty() && !known.empty() && known.size() <= 12) {
        for (const std::string& one : known)
            hint.append(hint.empty() ? "there is " : ", ").append(safe(one));
    }
    if (known.empty()) hint = "there is none at all";
    fail(kNoSuch, "there is no " + std::string(what) + " '" + safe(name) + "'", hint);
}

std::optional<Target> Asking::target(std::string_view word) {
    auto target = place_.parse(word);
    if (!target) {
        fail(kAskedWrongly, "'" + safe(word) + "' is no name",
             place_.on_host() ? "NAME for a guest, NAME/UNIT for a unit of it"
                              : "UNIT, a unit of this guest");
    }
    return target;
}

std::optional<Target> Asking::unit_target(std::string_view word) {
    auto found = target(word);
    if (found && found->unit.empty()) {
        fail(kAskedWrongly, "'" + safe(word) + "' is a guest, and this wants a unit",
             "name it as " + safe(word) + "/UNIT; 'stead list " + safe(word) + "' shows them");
        return std::nullopt;
    }
    return found;
}

void Asking::cannot_connect(const Target& target, const Error& error) {
    const bool gone = error.code == ENOENT || error.code == ECONNREFUSED;
    if (error.code == EACCES || error.code == EPERM) {
        fail(kCouldNot, "only root may speak with " + target.text(), "try it with sudo");
        return;
    }
    if (!gone) {
        fail(kCouldNot, std::string(describe(error).view()));
        return;
    }
    if (target.own()) {
        fail(kNoSuch,
             "PID 1 of this machine does not answer as stead-init: " + place_.control(target) +
                 " is not there",
             place_.on_host() ? "name a guest: NAME, or NAME/UNIT" : "");
        return;
    }
    const auto running = place_.guests();
    const auto configured = place_.configured();
    const auto has = [&](const std::vector<std::string>& names) {
        return std::find(names.begin(), names.end(), target.guest) != names.end();
    };
    if (has(running) || has(configured)) {
        fail(kNotRunning, "guest '" + target.guest + "' is not running",
             has(configured) ? "'stead start " + target.guest + "' starts it" : "");
        return;
    }
    std::vector<std::string> known = running;
    known.insert(known.end(), configured.begin(), configured.end());
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    no_such("guest", target.guest, known);
}

std::optional<Client> Asking::open(const Target& target) {
    auto client = Client::connect(place_.control(target));
    if (!client) {
        cannot_connect(target, client.error());
        return std::nullopt;
    }
    if (!target.own()) revive_keeper(target);
    return std::move(*client);
}

void Asking::revive_keeper(const Target& target) {
    const auto guest = guests::find(place_.paths(), target.guest);
    if (!guest || !*guest || !(*guest)->running() || (*guest)->kept) return;
    const auto revived = guests::revive_keeper(place_.paths(), **guest);
    console().remark(revived ? "the keeper of " + target.guest + " had died; it has a new one"
                             : "the keeper of " + target.guest + " has died: " +
                                   std::string(describe(revived.error()).view()) + " (ignored)");
}

std::optional<Reply> Asking::ask(Client& client,
                                 wire::Writer& request,
                                 const Patience& patience,
                                 std::span<const int> descriptors) {
    const auto lost = [&](const Error& error) -> std::optional<Reply> {
        if (patience.for_its_end && (error.code == ECONNRESET || error.code == EPIPE))
            return Reply{};
        fail(kCouldNot, describe(error).view());
        return std::nullopt;
    };
    if (const auto sent = client.send(request, descriptors); !sent) return lost(sent.error());

    Reply reply;
    Instant speak = sys::now() + kSilence;
    while (true) {
        auto answer = client.receive(std::min(speak, patience.limit));
        if (!answer) return lost(answer.error());
        if (*answer) {
            if (collect(**answer, reply)) return reply;
            // A guest can hold no more units; who sends on is not worth listening to.
            if (reply.units.size() > 4 * kMaxUnits)
                return lost(make_error("the answer has no end", {}, EBADMSG));
            continue;
        }
        if (sys::now() >= patience.limit) {
            fail(kTimedOut, "timed out waiting for " + patience.waiting_for);
            return std::nullopt;
        }
        speak = Instant::never();
        console().remark("waiting for " + patience.waiting_for + " ...");
    }
}

std::optional<Reply> Asking::order(Client& client,
                                   wire::Writer& request,
                                   const Target& target,
                                   const Patience& patience,
                                   std::span<const int> descriptors) {
    auto reply = ask(client, request, patience, descriptors);
    if (!reply || reply->code == kDone) return reply;
    if (reply->code == kNoSuch) {
        no_such_unit(client, target);
        return std::nullopt;
    }
    std::string text = target.text() + ": ";
    if (!reply->text.empty()) {
        text.append(safe(reply->text));
    } else if (!reply->units.empty()) {
        const UnitRecord& unit = reply->units.back();
        text.append(state_sentence(unit));
        if (const std::string why = reason_sentence(unit); !why.empty())
            text.append(": ").append(why);
    } else {
        text.append("could not");
    }
    fail(reply->code, text,
         reply->units.empty() ? "" : "'stead status " + target.text() + "' shows its last lines");
    return std::nullopt;
}

std::optional<Reply> Asking::status(Client& client, const Target& target) {
    std::array<std::byte, 512> buffer;
    wire::Writer request(buffer, Kind::Status);
    if (!target.unit.empty()) request.text(Tag::Name, target.unit);
    return order(client, request, target,
                 {.waiting_for = "an answer of PID 1", .limit = sys::now() + kAnswerLimit});
}

void Asking::no_such_unit(Client& client, const Target& target) {
    std::vector<std::string> known;
    if (const auto all = status(client, {.guest = target.guest, .unit = {}})) {
        for (const UnitRecord& unit : all->units)
            known.push_back(unit.name);
    }
    no_such(target.own() ? "unit" : "unit of " + target.guest, target.unit, known);
}

std::optional<Instant> limit_from(Console& console, std::string_view timeout) {
    const auto duration = parse_duration(timeout);
    if (!duration) {
        console.error("--timeout is '" + safe(timeout) + "', which is no length of time");
        console.hint("write it as 500ms, 30s, 2m or infinity");
        return std::nullopt;
    }
    return sys::now() + Duration{*duration};
}

} // namespace stead::cli
