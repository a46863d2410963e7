#pragma once

#include <string>

#include "guests/disk.h"
#include "recipe/recipe.h"

/// Folders that a guest on an image has beside its changes:
///
///     /var/lib/stead/guests/NAME/volumes/FOLDER  plain ids, bound into the guest
namespace stead::guests {

/// Makes those that are missing below the guest's folder `home`, each with what the image has at
/// its place.
Result<void> prepare_volumes(int home, const recipe::Root& root);

/// Copies all of them to another guest's folder, in place of what a killed command left there.
Result<void> copy_volumes(const std::string& from, int home, CopyProgress progress);

} // namespace stead::guests
