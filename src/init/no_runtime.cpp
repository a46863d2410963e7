/// What the header-only parts of the C++ library call in its run-time library, which stead-init is
/// not linked with. Reaching one of these is a mistake of ours, so it ends as a crash does.
namespace std {

// The library's own name for what basic_string_view::substr does beyond the end.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
[[noreturn]] void __throw_out_of_range_fmt(const char* /*format*/, ...) {
    __builtin_trap();
}

} // namespace std
