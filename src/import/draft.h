#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "import/import.h"
#include "unitfile/writer.h"

/// A unit or guest while it is made: which directive put which key there, and what is to be said
/// about it.
namespace stead::importing {

using unitfile::Node;

class Draft {
public:
    Draft(std::string name, std::string source, unitfile::Kind kind = unitfile::Kind::Unit);

    /// Takes a directive down, exact until something else is said. Its number.
    std::size_t add(Item item);

    /// Directive `item` gives `key` this value; an earlier one is forgotten.
    void put(std::size_t item, std::string_view key, Node value);
    /// Directive `item` has a part in the value of `key` too.
    void share(std::size_t item, std::string_view key);
    /// Directive `item` adds an item to the list `key`, once. Where the list is new, `first` items
    /// ("...") stand before it.
    void append(std::size_t item, std::string_view key, Node value, std::string_view first = {});
    /// Directive `item` adds `name` to the table `key`, or changes it there.
    void member(std::size_t item, std::string_view key, const std::string& name, Node value);
    /// A key that no directive asks for, and why: where the defaults differ.
    void supply(std::string_view key, Node value, std::string reason);
    void erase(std::string_view key);
    /// Takes `text` out of the list `key`, and the key when nothing is left. The directives that
    /// named it.
    std::vector<std::size_t> remove(std::string_view key, std::string_view text);
    /// The directives behind `key` whose value names `text`.
    [[nodiscard]] std::vector<std::size_t> items_naming(std::string_view key,
                                                        std::string_view text) const;

    /// Nearly: what differs. Several notes are joined.
    void approximate(std::size_t item, std::string_view note);
    /// Not: why. What the directive has put so far stays.
    void leave_out(std::size_t item, std::string_view reason);
    /// Exact, and worth a word.
    void explain(std::size_t item, std::string_view note);
    void remark(std::string text);

    [[nodiscard]] const Node* find(std::string_view key) const;

    [[nodiscard]] const std::string& name() const { return name_; }

    [[nodiscard]] Item& item(std::size_t number) { return items_[number]; }

    [[nodiscard]] std::size_t item_count() const { return items_.size(); }

    /// The unit or guest as text. Every value is read back by the reader of such files: what that
    /// refuses is taken out again and listed as not mapped, in the reader's words. A guest gets no
    /// key that this build does not support.
    ImportedUnit finish(const Options& options);

private:
    struct Entry {
        Node value;
        std::vector<std::size_t> items;
        std::string reason;
    };

    Entry& entry(std::size_t item, std::string_view key);
    [[nodiscard]] unitfile::WrittenUnit written() const;
    [[nodiscard]] std::vector<std::string> comments_of(const Entry& entry) const;
    /// What the reader says about `text`.
    [[nodiscard]] unitfile::Diagnostics judged(const std::string& text) const;
    bool settle(const unitfile::WrittenText& text, const Options& options, ImportedUnit& result);
    void refuse(const std::string& key, const std::string& reason);
    void drop_keys_of(const Item& item);

    std::string name_;
    std::string source_;
    unitfile::Kind kind_;
    std::vector<Item> items_;
    std::map<std::string, Entry, std::less<>> entries_;
    std::vector<std::string> remarks_;
};

} // namespace stead::importing
