#include "compile/capabilities.h"
#include "compile/compile.h"

namespace stead::compile {

std::vector<Explanation> explain(const CompiledGuest& guest) {
    (void)guest;
    return {};
}

} // namespace stead::compile
