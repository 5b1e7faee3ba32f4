/* The CPU backend: a team of pinned threads that runs the whole plan for a batch like one persistent kernel. */
#pragma once
#include "backend.h"

extern const backend_api cpu_backend;
