#pragma once

#include <type_traits>
#include <utility>

namespace stead {

template <typename Signature>
class FunctionRef;

/// A callable that somebody else owns, for an argument that is only called: the function that takes
/// it exists once, not once for every lambda.
template <typename Answer, typename... Arguments>
class FunctionRef<Answer(Arguments...)> {
public:
    template <typename Callable,
              typename = std::enable_if_t<!std::is_same_v<std::decay_t<Callable>, FunctionRef>>>
    // NOLINTNEXTLINE(google-explicit-constructor): a lambda is written where one is taken.
    FunctionRef(Callable&& callable)
        : callable_(const_cast<void*>(static_cast<const void*>(&callable)))
        , call_([](void* of, Arguments... arguments) -> Answer {
            return (*static_cast<std::remove_reference_t<Callable>*>(of))(
                std::forward<Arguments>(arguments)...);
        }) {}

    Answer operator()(Arguments... arguments) const {
        return call_(callable_, std::forward<Arguments>(arguments)...);
    }

private:
    void* callable_;
    Answer (*call_)(void* of, Arguments... arguments);
};

} // namespace stead
