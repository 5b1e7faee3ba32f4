/* Which build of Ridge a result is of. */
#pragma once

extern const char *const build_commit;      /* "1a2b3c4d5", "unknown" outside a repository */
extern const int build_number;              /* commits up to it; 0 likewise */
