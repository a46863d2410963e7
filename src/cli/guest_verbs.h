#pragma once

#include "cli/client_verbs.h"
#include "cli/verbs.h"

/// The verbs that work on the store of guests, /etc/stead/guests.
namespace stead::cli {

int verb_bind(Context& context, Arguments arguments);
int verb_complete(Context& context, Arguments arguments);
int verb_clone(Context& context, Arguments arguments);
int verb_copy_from(Context& context, Arguments arguments);
int verb_copy_to(Context& context, Arguments arguments);
int verb_create(Context& context, Arguments arguments);
int verb_delete(Context& context, Arguments arguments);
int verb_diff(Context& context, Arguments arguments);
int verb_disable(Context& context, Arguments arguments);
int verb_edit(Context& context, Arguments arguments);
int verb_enable(Context& context, Arguments arguments);
int verb_image(Context& context, Arguments arguments);
int verb_rename(Context& context, Arguments arguments);
int verb_reset(Context& context, Arguments arguments);
int verb_restore(Context& context, Arguments arguments);
int verb_snapshot(Context& context, Arguments arguments);

} // namespace stead::cli
