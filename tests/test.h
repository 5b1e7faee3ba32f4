/* What every unit test includes: cmocka with the headers it wants first, less its macro that hides our fail(). */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail
