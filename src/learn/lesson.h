#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compile/filter.h"
#include "learn/facts.h"
#include "learn/rights.h"

/// From what was seen to what a jail has to give.
namespace stead::learn {

/// One item of a list in a guest file, and why it is there.
struct Reasoned {
    std::string text;
    std::string why;
};

/// "tcp:127.0.0.1:80", "udp:53": an address as `network.listen` names it.
std::string listen_text(const Address& address, int socket_type);

/// The smallest rules under which everything that was seen would have succeeded.
struct Learned {
    std::vector<Reasoned> capabilities;
    std::vector<Reasoned> calls;
    /// "FROM:TO:ro", in an order in which they can be mounted.
    std::vector<Reasoned> binds;
    /// By the kind that the key names: "state", "runtime", "cache", "logs".
    std::map<std::string, std::vector<Reasoned>> directories;
    /// It has used addresses of the host's network; `listen` are those that it has bound.
    bool network = false;
    std::vector<Reasoned> listen;
    /// It has bound a port that the kernel chose, so `listen` cannot name all.
    bool any_port = false;
    /// What a reader of the file should know, a sentence each.
    std::vector<std::string> notes;
};

/// What the machine and the caller have given.
struct Settings {
    Bounds bounds;
    /// The calls that were allowed while it was learned from.
    compile::CallPolicy allowed;
    /// The folder that is the root; empty: the host's programs, beside which nothing is seen.
    std::string root;
    /// The targets of the caller's own binds: they are there in any case.
    std::vector<std::string> bound;
    /// Whether the root has this path, with no link on the way. Must be set.
    std::function<bool(const std::string&)> exists;
    /// Whether a bind can name it: colons part its fields, and a guest file is UTF-8. Must be set.
    std::function<bool(const std::string&)> nameable;
};

class Lesson {
public:
    explicit Lesson(Settings settings);

    /// Each call that was made, with its result or minus an errno value.
    void called(int number, std::int64_t result, const std::string& program);
    /// One that has succeeded and means more than its number.
    void seen(const Seen& seen);
    /// Something that cannot be a rule, once for each text, and some hundreds of texts at most.
    void note(const std::string& text);

    [[nodiscard]] Learned finish() const;

private:
    struct Reasons {
        std::string program;
        Right right;
    };

    void addresses(const Seen& seen);
    void places(const Seen& seen);
    void finish_rights(Learned& learned) const;
    void finish_network(Learned& learned) const;

    Settings settings_;
    std::map<int, std::string> calls_;
    std::map<int, std::string> refused_;
    std::map<std::pair<unsigned, std::string>, Reasons> rights_;
    std::map<std::string, std::string> bound_;
    std::map<std::pair<std::string, std::uint16_t>, std::pair<Address, std::string>> connected_;
    std::set<std::uint16_t> ports_;
    bool any_port_ = false;
    std::vector<PlaceUse> uses_;
    std::size_t used_bytes_ = 0;
    std::set<std::string> known_uses_;
    std::vector<std::string> notes_;
    bool more_notes_ = false;
    bool more_uses_ = false;
};

} // namespace stead::learn
