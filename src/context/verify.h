#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "context/job.h"
#include "context/privileges.h"

/// Reading back what was set: a start that did not become what the recipe says must not run.
namespace stead::context {

/// The namespaces of the calling process that `recipe` asks to be others; /proc must be the host's.
Result<NamespaceIds> read_namespaces(const recipe::Context& recipe);

/// Every namespace that the recipe asks for differs from the launcher's.
Result<void> verify_namespaces(const recipe::Context& recipe, const NamespaceIds& launcher);

/// `mountinfo` is the text of proc's file as seen after pivot_root: each mount of the recipe is
/// there with at least the flags it asks for, the root is as writable as it should be, nothing
/// propagates, and there is no mount that the recipe or `places` does not account for.
Result<void> verify_mounts(const recipe::Context& recipe,
                           const std::vector<std::string>& places,
                           std::string_view mountinfo);

/// `status` is the text of proc's file: ids, the five capability sets, the filter, no_new_privs.
Result<void>
verify_status(const recipe::Context& recipe, const Sets& sets, std::string_view status);

} // namespace stead::context
