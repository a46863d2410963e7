#pragma once

#include "images/images.h"

namespace stead::images {

/// Applies all layers of the image in an OCI layout (an open folder) to the folder `root`, each
/// blob's digest verified before anything of it is read, and takes its configuration into `image`.
bool apply_layout(int layout,
                  const ImportOptions& options,
                  int root,
                  Image& image,
                  Progress progress,
                  Report& report);

} // namespace stead::images
