/* Characters whose upper or title case is more than one character, or where these are not simple: Unicode's SpecialCasing,
 * unconditional part (Unicode 14). utf8proc has the simple mappings only. */
#pragma once
#include <stdint.h>

typedef struct { int32_t code, upper[3], title[3]; } jinja_case_special;
/* NULL where the simple mapping holds. */
const jinja_case_special *jinja_case_find(int32_t code);
