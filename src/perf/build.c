/* Which build of Ridge a result is of: commit.cmake writes the header. */
#include "perf/build.h"
#include "commit.h"

const char *const build_commit = COMMIT;
const int build_number = COMMIT_NUMBER;
