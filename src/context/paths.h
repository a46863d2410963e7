#pragma once

#include <string_view>

#include "recipe/recipe.h"

/// Questions about a recipe's paths that need no kernel.
namespace stead::context {

/// Whether `path` is `folder` or lies below it. Both absolute, without "." and "..".
bool is_below(std::string_view path, std::string_view folder);

/// The folder that holds the last component of a clean path, and that component.
std::string_view parent_of(std::string_view path);
std::string_view name_of(std::string_view path);

/// Proc, Sysfs, Mqueue, Devpts: a new instance, which belongs to the namespaces of who mounts it.
bool is_new_instance(recipe::MountKind kind);

/// A path that the recipe may name: absolute, no empty, "." or ".." component, shorter than
/// PATH_MAX.
bool is_clean_path(std::string_view path);

/// Whether what the guest has at `path` lies on a file system that the context made for it, so that
/// files and folders may be made there. An image or a folder of the host never is.
bool is_ours(const recipe::Context& recipe, std::string_view path);

/// Whether every folder above `path` lies on a tmpfs that holds nothing but what this recipe puts
/// there. Names are then what they say: no link can have been laid.
bool has_only_our_names(const recipe::Context& recipe, std::string_view path);

/// Whether this mount can only be made by the child, inside its namespaces: proc, sysfs, mqueue,
/// devpts, and everything below one of them.
bool is_late(const recipe::Context& recipe, const recipe::Mount& mount);

} // namespace stead::context
