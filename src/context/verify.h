#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "context/job.h"
#include "context/privileges.h"

/// Reading back what was set: a start that did not become what the recipe says must not run.
namespace stead::context {

/// Of the calling process; /proc must be the host's.
Result<NamespaceIds> read_namespaces();

/// Every namespace that the recipe asks for differs from the launcher's, every other is the same.
Result<void> verify_namespaces(const recipe::Context& recipe,
                               const NamespaceIds& launcher,
                               const NamespaceIds& own);

/// `mountinfo` is the text of proc's file as seen after pivot_root: each mount of the recipe is
/// there with at least the flags it asks for, and nothing is writable that should not be.
Result<void> verify_mounts(const recipe::Context& recipe, std::string_view mountinfo);

/// `status` is the text of proc's file: ids, the five capability sets, the filter, no_new_privs.
Result<void>
verify_status(const recipe::Context& recipe, const Sets& sets, std::string_view status);

} // namespace stead::context
