#pragma once

#include <string>

#include "base/result.h"
#include "guests/guests.h"
#include "recipe/recipe.h"

/// The projects of file systems (on btrfs subvolumes) that guests' disks are, so that what each
/// takes is counted and limited (resources/disk.h). A disk has one from its making on, a fresh one
/// each time: a copy that takes its place is never charged to the old one's limit, and the folder
/// itself remembers it. For this folder's own use.
namespace stead::guests {

/// Makes an empty folder of the mode 0700 that is a project which nobody else uses, with all that
/// will be made in it. Where its file system counts none, or this process may not, it is a folder
/// like others: nobody has asked yet.
Result<sys::UniqueFd> make_project(const Paths& paths, int home, const char* name);

/// Takes the limits off, and gives back, the projects of the disks (and what once was one) in a
/// guest's folder, which is going to be removed.
void forget_projects(const Paths& paths, const std::string& home);

/// The same for one of them, which is removed.
Result<void> remove_disk(const Paths& paths, int home, const char* name);

/// Whether levels of the disk are asked for, and it is no project of its own yet.
bool wants_project(const recipe::Context& context);

/// The levels of the guest's disk, before anybody is inside; "max" where none is asked for.
Result<void> limit_disk(const recipe::Context& context);

/// What `find_levels` tells of the disk.
void record_disk(const recipe::Context& context, Record& record);

} // namespace stead::guests
