#pragma once

#include <string>

#include "base/result.h"
#include "guests/guests.h"
#include "recipe/recipe.h"

/// The projects of file systems that guests' disks are, so that what each takes is counted and
/// limited (resources/disk.h). A disk has one from its making on, a fresh one each time: a copy
/// that takes its place is never charged to the old one's limit, and the folder itself remembers
/// it. For this folder's own use.
namespace stead::guests {

/// Makes the empty folder `draft` a project that nobody uses, with all that will be made in it.
/// Where its file system has no project quotas, or this process may not, it stays as it is:
/// nobody has asked yet.
void give_project(const Paths& paths, int draft);

/// Takes the limits off the projects of the disks (and what once was one) in a guest's folder,
/// which is going to be removed.
void forget_projects(const std::string& home);

/// The same for one of them, which is removed.
Result<void> remove_disk(int home, const char* name);

/// Whether levels of the disk are asked for, and it is no project of its own yet.
bool wants_project(const recipe::Context& context);

/// The levels of the guest's disk, before anybody is inside; "max" where none is asked for.
Result<void> limit_disk(const recipe::Context& context);

/// What `find_levels` tells of the disk.
void record_disk(const recipe::Context& context, Record& record);

} // namespace stead::guests
