#include "keep/keep.h"
