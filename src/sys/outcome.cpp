#include "sys/outcome.h"

namespace stead::sys::detail {

Result<void> done(long answer, const char* operation) {
    return done(answer, operation, "");
}

Result<void> done(long answer, const char* operation, const char* subject) {
    if (answer < 0) return last_error(operation, subject);
    return {};
}

Result<std::size_t> counted(long answer, const char* operation) {
    if (answer < 0) return last_error(operation);
    return static_cast<std::size_t>(answer);
}

Result<UniqueFd> owned(int answer, const char* operation, const char* subject) {
    if (answer < 0) return last_error(operation, subject);
    return UniqueFd(answer);
}

} // namespace stead::sys::detail
